# lambda: POSIX make; GNU make and bmake do the same with it.
#
#	make			build the programs
#	make install		to PREFIX (/usr/local), MANDIR and DESTDIR
#	make check		what a change must pass
#	make unit		its unit tests alone, which need cmocka
#	make sanitize		the same as check, with ASan and UBSan
#	make valgrind		the same as check, under valgrind: an hour
#	make soak		what takes long
#	make bench		what is measured
#	make lint		manual pages and scripts
#
# The compiler is CC: make CC=clang, or make CC=musl-gcc LDFLAGS=-static. A
# packager's CFLAGS and LDFLAGS may come from the environment: make -e. Installed
# files get modes 755 and 644 whatever the umask is. The programs find each other
# in their own directory, installed or not.
#
# make check installs what the tests need where it can, and says what before it
# begins. A test that cannot run is skipped and says why. Without cmocka only the
# scripts run.
#
# To add a file: put its object and its header into the list of its room below.
# To add a test of what a core says and does: write a .script in t/core
# (t/script.c). To add a test t/x.c: put t/x.test into CORE_TESTS, which link the
# cores and nothing else, or t/x.shell into SHELL_TESTS. A shell script goes into
# SCRIPTS, a program into PROGS.

.POSIX:

PREFIX =	/usr/local
MANDIR =	$(PREFIX)/share/man

CC =		cc
CPPFLAGS =
CFLAGS =	-O2 -g -Wall -Wextra -Wshadow
LDFLAGS =
LDLIBS =
# A program that is started for each connection. Where the C library is there to
# be linked statically, -static takes a tenth off what a connection costs;
# lambda-channel(8) says more.
CHANNEL =
CMOCKA =	-lcmocka

# What the sources need whatever the flags above are: assertions stay in. Where
# long has 32 bits, glibc's stat() and readdir() fail for files of larger inode
# numbers or times unless asked for more; elsewhere asking changes nothing.
C99 =		-std=c99 -pedantic -D_POSIX_C_SOURCE=200809L -UNDEBUG -I.\
		-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64

PROGS =		lambda-authority lambda-bootstrap lambda-broker lambda-call\
	lambda-channel lambda-ctl lambda-discovery lambda-exchange\
	lambda-listener lambda-plb lambda-solo

# Cores: state machines and what they stand on. They are an archive of their
# own, and their tests link nothing else, so the linker sees to it that no core
# reaches a socket, a clock or the log.

BYTES =		addr.o buf.o crypto.o crypto_curve.o heap.o map.o noise.o rng.o\
		tlv.o
PROTOCOL =	attrs.o core.o frame.o gather.o gossip.o link.o msg.o peers.o\
		preauth.o stats.o stream.o
AUTHORITY =	authority.o authority_exchange.o authority_report.o\
		broker.o broker_contact.o broker_home.o broker_order.o\
		broker_report.o
EXCHANGE =	exchange.o exchange_book.o exchange_class.o exchange_match.o\
		exchange_share.o
LISTENER =	listener.o channel.o channel_count.o channel_pool.o\
		channel_stream.o channel_worker.o
PLB =		plb.o plb_order.o plb_request.o plb_upstream.o
OTHER =		bootstrap.o bootstrap_dns.o call.o call_filter.o call_input.o\
		call_job.o call_stream.o call_way.o call_why.o ctl_commands.o\
		ctl_metrics.o ctl_row.o ctl_tier.o ctl_top.o ctl_walk.o\
		discovery.o discovery_contacts.o epmd.o

CORES =		$(BYTES) $(PROTOCOL) $(AUTHORITY) $(EXCHANGE) $(LISTENER)\
		$(PLB) $(OTHER)

CORES_H =	array.h buf.h bytes.h chain.h crypto.h exit.h fail.h heap.h\
	map.h noise.h rng.h slice.h tlv.h addr.h attrs.h core.h epmd.h frame.h\
	gather.h gossip.h link.h msg.h peers.h preauth.h stats.h stream.h\
	authority.h authority_state.h broker.h broker_state.h exchange.h\
	exchange_book.h exchange_class.h listener.h channel.h channel_pool.h\
	channel_state.h plb.h plb_state.h bootstrap.h bootstrap_dns.h call.h\
	call_filter.h call_state.h call_way.h discovery.h discovery_contacts.h\
	ctl_metrics.h ctl_row.h ctl_state.h ctl_tier.h ctl_top.h ctl_walk.h

# Shells: what has a descriptor, a clock, a child or a log.

KIT =		acceptor.o atomicfile.o child.o conn.o daemon.o env.o\
		epmd_client.o hub.o hub_accept.o hub_keys.o lines.o log.o\
		loop.o net.o opt.o program.o
SHELLS =	$(KIT) bootstrap_resolve.o channel_process.o channel_tether.o\
		call_joblog.o exchange_log.o listener_acceptor.o\
		listener_door.o listener_publish.o plb_proxies.o

SHELLS_H =	acceptor.h atomicfile.h child.h conn.h daemon.h env.h\
	epmd_client.h hub.h lines.h log.h loop.h net.h opt.h program.h\
	bootstrap_resolve.h call_joblog.h channel_process.h channel_tether.h\
	exchange_log.h listener_acceptor.h listener_door.h listener_publish.h\
	plb_proxies.h

# Tests

CORE_TESTS =	t/addr.test t/attrs.test t/bootstrap_dns.test t/buf.test\
	t/call_filter.test t/credit.test t/crypto.test t/epmd.test\
	t/exchange.test t/fenwick.test t/frame.test t/gossip.test t/heap.test\
	t/hostport.test t/link.test t/link_frame.test t/link_record.test\
	t/link_time.test t/listener.test t/loglimit.test t/map.test\
	t/model.test t/msg.test t/outbox.test t/peers.test t/peers_link.test\
	t/plb_balance.test t/preauth.test t/rendezvous.test t/report.test\
	t/rng.test t/sha256.test t/stream.test t/tlv.test t/wire.test
CORE_SCRIPTS =	t/core/authority t/core/bootstrap t/core/broker t/core/call\
	t/core/channel t/core/discovery t/core/exchange t/core/listener\
	t/core/plb
SHELL_TESTS =	t/acceptor.shell t/atomicfile.shell t/channel_tether.shell\
	t/child.shell t/conn.shell t/conn_end.shell t/env.shell t/hub.shell\
	t/latest.shell t/lines.shell t/listener_preflight.shell\
	t/listener_publish.shell t/log.shell t/loop.shell t/loop_watch.shell\
	t/net.shell t/net_start.shell t/plb_proxies.shell t/program.shell\
	t/sink.shell
FUZZ_TESTS =	t/fuzz/core.fuzz t/fuzz/dns.fuzz t/fuzz/link.fuzz\
		t/fuzz/msg.fuzz t/fuzz/parse.fuzz t/fuzz/start.fuzz
TESTS =		$(CORE_TESTS) $(SHELL_TESTS) $(FUZZ_TESTS)

# The longest first: several run at a time (t/check.sh).
SCRIPTS =	t/moves.sh t/credit.sh t/split.sh t/relay.sh t/discovery.sh\
	t/names.sh t/walk.sh t/mesh.sh t/life.sh t/fills.sh t/upgrade.sh\
	t/runit.sh t/compete.sh t/shares.sh t/rekey.sh t/crypto.sh\
	t/examples.sh t/sim.sh t/byhand.sh t/thousand.sh t/rabbit.sh\
	t/hosts.sh t/metrics.sh t/strangers.sh t/broken.sh t/filters.sh\
	t/nodes.sh t/ctl.sh t/bootstrap.sh t/follow.sh t/told.sh t/jobs.sh\
	t/keys.sh t/account.sh t/manpages.sh t/inherit.sh t/files.sh t/ssh.sh\
	t/needs.sh t/call.sh t/crowded.sh t/deadends.sh t/drain.sh\
	t/activation.sh t/herd.sh t/inetd.sh t/contain.sh t/joins.sh\
	t/streams.sh t/canary.sh t/install.sh t/tree.sh t/twice.sh t/pipes.sh\
	t/script.sh t/switch.sh t/orderlog.sh t/recipes.sh t/chain.sh\
	t/floods.sh

HELPERS =	t/account t/activate t/diallers t/epmdtalk t/handshake\
	t/inherit t/listen t/puppet t/relay t/rows t/script t/sim t/sim_sealed\
	t/slot t/stranger
BENCHES =	t/bench/codec.bench t/bench/discovery.bench\
	t/bench/exchange.bench t/bench/first.bench t/bench/links.bench\
	t/bench/load.bench t/bench/loop.bench t/bench/machine.bench\
	t/bench/plb.bench t/bench/regain.bench t/bench/relay.bench\
	t/bench/sampler.bench t/bench/seal.bench t/bench/spawn.bench\
	t/bench/stamp.bench

# What tests stand on. A core test that reached a shell by way of it would not
# link.
FIXTURES =	t/conn_owner.o t/core_authority.o t/core_bootstrap.o\
	t/core_broker.o t/core_call.o t/core_channel.o t/core_discovery.o\
	t/core_exchange.o t/core_listener.o t/core_plb.o t/credit_action.o\
	t/credit_books.o t/credit_calls.o t/credit_links.o t/credit_nodes.o\
	t/fake_broker.o t/fake_workers.o t/harness.o t/hex.o t/link_ends.o\
	t/loop_turns.o t/model_exchange.o t/msg_sample.o t/peers_book.o\
	t/still.o t/talk.o t/text.o
VIRTUAL =	t/virtual/agent.o t/virtual/caller.o t/virtual/census.o\
	t/virtual/check.o t/virtual/contest.o t/virtual/descriptor.o\
	t/virtual/entry.o t/virtual/event.o t/virtual/fault.o t/virtual/flow.o\
	t/virtual/front.o t/virtual/host.o t/virtual/ledger.o t/virtual/load.o\
	t/virtual/loop.o t/virtual/net.o t/virtual/placing.o t/virtual/plan.o\
	t/virtual/proc.o t/virtual/role.o t/virtual/settle.o t/virtual/staff.o\
	t/virtual/trade.o t/virtual/watcher.o t/virtual/window.o\
	t/virtual/world.o
TESTS_H =	t/bench/bench.h t/check.h t/conn_owner.h t/credit_action.h\
	t/credit_books.h t/credit_calls.h t/credit_links.h t/credit_nodes.h\
	t/fake_broker.h t/fake_workers.h t/fuzz/fuzz.h t/hang.h t/harness.h\
	t/hex.h t/still.h t/talk.h t/link_ends.h t/loop_turns.h\
	t/model_exchange.h t/msg_sample.h t/peers_book.h t/text.h\
	t/virtual/census.h t/virtual/event.h t/virtual/front.h t/virtual/net.h\
	t/virtual/proc.h t/virtual/sim.h

all: $(PROGS)

.SUFFIXES:
.SUFFIXES: .o .c .test .fuzz .shell .bench

ALL =		shells.a cores.a

.c.o:
	$(CC) $(CPPFLAGS) $(CFLAGS) $(C99) -c -o $@ $<
.o:
	$(CC) $(LDFLAGS) -o $@ $< $(ALL) $(LDLIBS)
.o.test:
	$(CC) $(LDFLAGS) -o $@ $< t/fixtures.a cores.a $(LDLIBS) $(CMOCKA)
.o.fuzz:
	$(CC) $(LDFLAGS) -o $@ $< t/fuzz/main.o t/fixtures.a cores.a $(LDLIBS)
.o.shell:
	$(CC) $(LDFLAGS) -o $@ $< t/fixtures.a $(ALL) $(LDLIBS) $(CMOCKA)
.o.bench:
	$(CC) $(LDFLAGS) -o $@ $< t/bench/bench.o $(ALL) $(LDLIBS)

cores.a: $(CORES)
	rm -f $@ && ar rc $@ $(CORES)
shells.a: $(SHELLS)
	rm -f $@ && ar rc $@ $(SHELLS)
t/fixtures.a: $(FIXTURES)
	rm -f $@ && ar rc $@ $(FIXTURES)

$(PROGS): $(ALL)
lambda-channel: lambda-channel.o
	$(CC) $(LDFLAGS) $(CHANNEL) -o $@ lambda-channel.o $(ALL) $(LDLIBS)
$(CORE_TESTS): t/fixtures.a cores.a
$(FUZZ_TESTS): t/fuzz/main.o t/fixtures.a cores.a
$(SHELL_TESTS): t/fixtures.a $(ALL)
$(BENCHES): t/bench/bench.o $(ALL)
t/account t/activate t/diallers t/handshake t/inherit t/listen t/relay t/rows\
t/slot t/stranger: $(ALL)
t/epmdtalk: t/epmdtalk.o t/talk.o $(ALL)
	$(CC) $(LDFLAGS) -o $@ t/epmdtalk.o t/talk.o $(ALL) $(LDLIBS)
t/puppet: t/puppet.o t/text.o $(ALL)
	$(CC) $(LDFLAGS) -o $@ t/puppet.o t/text.o $(ALL) $(LDLIBS)
t/script: t/script.o t/fixtures.a cores.a
	$(CC) $(LDFLAGS) -o $@ t/script.o t/fixtures.a cores.a $(LDLIBS)
# The driver itself, over a loop, a network and a log of the simulator's own. Links
# are sealed by stand-ins in t/sim, and in earnest in t/sim_sealed.
SIM =		t/sim.o t/text.o $(VIRTUAL) acceptor.o conn.o hub.o hub_accept.o\
	hub_keys.o listener_door.o
t/sim: $(SIM) t/virtual/standin.o cores.a
	$(CC) $(LDFLAGS) -o $@ $(SIM) t/virtual/standin.o cores.a $(LDLIBS)
t/sim_sealed: $(SIM) cores.a
	$(CC) $(LDFLAGS) -o $@ $(SIM) cores.a $(LDLIBS)
# It has a log of its own, and stands on shells.
t/fuzz/start.fuzz: t/fuzz/start.o t/fuzz/main.o $(ALL)
	$(CC) $(LDFLAGS) -o $@ t/fuzz/start.o t/fuzz/main.o t/fixtures.a $(ALL) $(LDLIBS)
# It sets the loop beside the real clock, which t/still.o stands in for.
t/loop.shell: t/loop.o t/loop_turns.o
	$(CC) $(LDFLAGS) -o $@ t/loop.o t/loop_turns.o $(ALL) $(LDLIBS) $(CMOCKA)

# A header has its whole layer compiled again.
$(CORES): $(CORES_H)
$(SHELLS) $(PROGS:=.o): $(CORES_H) $(SHELLS_H)
$(CORE_TESTS:.test=.o) $(FUZZ_TESTS:.fuzz=.o) $(SHELL_TESTS:.shell=.o)\
$(BENCHES:.bench=.o) $(HELPERS:=.o) $(FIXTURES) $(VIRTUAL)\
t/bench/bench.o t/fuzz/main.o t/virtual/standin.o: $(CORES_H) $(SHELLS_H) $(TESTS_H)

# cmocka may have to be installed before a test can be compiled, so the tests are
# built by a make of their own. What is missing is installed before the first
# test, or said. Without cmocka the scripts are run all the same.
FLAGGED =	CC='$(CC) $(CPPFLAGS) $(LDFLAGS)'

check: all helpers
	@$(FLAGGED) sh t/setup.sh cmocka $(SCRIPTS) t/lib.sh t/mesh_lib.sh || :
	@! $(FLAGGED) sh t/setup.sh -n cmocka 2>/dev/null || $(MAKE) tests
	@$(FLAGGED) sh t/check.sh $(CORE_SCRIPTS) $(TESTS) $(SCRIPTS)

unit:
	@$(FLAGGED) sh t/setup.sh cmocka
	@$(MAKE) tests
	@$(FLAGGED) sh t/check.sh $(CORE_SCRIPTS) $(TESTS)

# The whole suite, with all that its processes do watched: what is reported of
# any of them fails the test (t/check.sh). A part of it: make valgrind TESTS=
# SCRIPTS=t/call.sh. What is sanitized is a copy of the tree. The protocol's own
# times do not grow under valgrind, where a program needs half a second to start:
# of a script it is enough there that nothing is reported (CHECK_CLEAN=0: it has
# to pass, too, which some do on a machine with nothing else to do).
COPY =		t/log/sanitize
SANITIZE =	-fsanitize=address,undefined
CHECK_CLEAN =	1
VALGRIND =	valgrind -q --error-exitcode=9 --leak-check=full\
		--read-inline-info=no --log-file=%q{CHECK_REPORTS}/%p

sanitize:
	@rm -rf $(COPY) && mkdir -p $(COPY)/t
	@cp -R Makefile README *.[ch] man $(COPY)
	@for f in t/*; do test "$$f" = t/log || cp -R "$$f" $(COPY)/t; done
	@cd $(COPY) && $(MAKE) -s clean && \
	    CHECK_FACTOR=3 MODEL_LENGTH=3 SIM_WORLDS=50 SIM_SEALED=5 $(MAKE) check \
	    LDFLAGS='$(SANITIZE)' CFLAGS='-O1 -g $(SANITIZE) \
	    -fno-sanitize-recover=undefined -fno-omit-frame-pointer'

valgrind: all
	@$(FLAGGED) sh t/setup.sh cmocka valgrind
	@$(MAKE) tests
	@$(FLAGGED) CHECK_FACTOR=5 CHECK_CLEAN=$(CHECK_CLEAN) \
	    MODEL_LENGTH=3 SIM_WORLDS=5 SIM_SEALED=1 CHECK_UNDER='$(VALGRIND)' \
	    sh t/check.sh $(CORE_SCRIPTS) $(TESTS) $(SCRIPTS)

tests: $(TESTS) $(HELPERS)
helpers: $(HELPERS)
benches: $(BENCHES)

soak: all
	@sh t/soak.sh

bench: all benches
	@sh t/bench/run.sh

lint:
	@sh t/lint.sh

install: all
	umask 022; mkdir -p '$(DESTDIR)$(PREFIX)/bin'
	@for f in $(PROGS); do \
		echo "install $(DESTDIR)$(PREFIX)/bin/$$f"; \
		new="$(DESTDIR)$(PREFIX)/bin/.$$f.new"; \
		cp -f "$$f" "$$new" && chmod 755 "$$new" && \
		    mv -f "$$new" "$(DESTDIR)$(PREFIX)/bin/$$f" || exit 1; \
	done
	@umask 022; for f in man/*.[1-9]; do \
		d="$(DESTDIR)$(MANDIR)/man$${f##*.}"; \
		echo "install $$d/$${f##*/}"; \
		mkdir -p "$$d" && cp -f "$$f" "$$d" || exit 1; \
		chmod 644 "$$d/$${f##*/}" || exit 1; \
	done

uninstall:
	@for f in $(PROGS); do \
		rm -f "$(DESTDIR)$(PREFIX)/bin/$$f" || exit 1; \
	done
	@for f in man/*.[1-9]; do \
		rm -f "$(DESTDIR)$(MANDIR)/man$${f##*.}/$${f##*/}" || exit 1; \
	done

clean:
	rm -f *.[ao] t/*.[ao] t/*/*.[ao] $(TESTS) $(BENCHES) $(HELPERS) $(PROGS)
	rm -rf t/log

.PHONY: all bench benches check clean helpers install lint sanitize soak tests\
	uninstall unit valgrind
