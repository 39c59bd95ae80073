# lambda: POSIX make; GNU make and bmake do the same with it.
#
#	make			build the programs
#	make check		what a change must pass
#	make unit		its unit tests alone
#	make sanitize		the same as check, with ASan and UBSan
#	make valgrind		the same as check, under valgrind
#	make soak		what takes long
#	make bench		what is measured
#	make lint		manual pages and scripts
#	make install		to DESTDIR, PREFIX and MANDIR
#
# To add a file: its object and its header in the list of its room below. To
# add a test t/x.c: t/x.test in CORE_TESTS, which link the cores and nothing
# else, or t/x.shell in SHELL_TESTS; a script: its name in SCRIPTS; a program:
# its name in PROGS.

.POSIX:

PREFIX =	/usr/local
MANDIR =	$(PREFIX)/share/man

CC =		cc
CPPFLAGS =
CFLAGS =	-O2 -g -Wall -Wextra -Wshadow
LDFLAGS =
LDLIBS =
CMOCKA =	-lcmocka

# What the sources need whatever the flags above are: assertions stay in.
C99 =		-std=c99 -pedantic -D_POSIX_C_SOURCE=200809L -UNDEBUG -I.

PROGS =\
	lambda-authority lambda-bootstrap lambda-broker lambda-call\
	lambda-channel lambda-ctl lambda-discovery lambda-exchange\
	lambda-listener lambda-plb lambda-solo

# Cores: state machines and what they stand on. They are an archive of their
# own, and their tests link nothing else, so the linker sees to it that no core
# reaches a socket, a clock or the log.

BYTES =		agenda.o buf.o fenwick.o heap.o map.o rng.o scratch.o sha256.o
PROTOCOL =	addr.o attrs.o attrs_build.o epmd.o frame.o gossip.o hostport.o\
		link.o loglimit.o msg.o msg_table.o outbox.o peers.o preauth.o\
		rendezvous.o report.o tlv.o
AUTHORITY =	authority.o authority_exchange.o authority_module.o\
		authority_report.o
BROKER =	broker.o broker_buy.o broker_contact.o broker_exchange.o\
		broker_fill.o broker_order.o broker_report.o broker_sell.o
EXCHANGE =	exchange.o exchange_allocation.o exchange_book.o exchange_buy.o\
		exchange_class.o exchange_exclude.o exchange_match.o\
		exchange_notice.o exchange_order.o exchange_queue.o\
		exchange_report.o exchange_reservation.o
LISTENER =	listener.o listener_share.o
CHANNEL =	channel.o channel_inflight.o channel_pool.o channel_run.o
PLB =		plb.o plb_balance.o plb_buy.o plb_channel.o plb_client.o\
		plb_request.o plb_run.o plb_switch.o plb_upstream.o
OTHER =		bootstrap.o bootstrap_dns.o call_filter.o discovery.o\
		discovery_answer.o discovery_contacts.o discovery_registry.o

CORES =		$(BYTES) $(PROTOCOL) $(AUTHORITY) $(BROKER) $(EXCHANGE)\
		$(LISTENER) $(CHANNEL) $(PLB) $(OTHER)

CORES_H =\
	agenda.h bigendian.h buf.h chain.h fail.h fenwick.h heap.h map.h rng.h\
	scratch.h sha256.h slice.h\
	addr.h attrs.h core.h epmd.h escape.h frame.h gossip.h hostport.h\
	level.h link.h loglimit.h msg.h outbox.h peers.h preauth.h rendezvous.h\
	report.h tlv.h\
	authority.h authority_state.h\
	broker.h broker_state.h\
	exchange.h exchange_allocation.h exchange_book.h exchange_class.h\
	exchange_match.h exchange_notice.h exchange_queue.h\
	exchange_reservation.h exchange_state.h\
	listener.h listener_state.h\
	channel.h channel_inflight.h channel_pool.h channel_state.h\
	plb.h plb_balance.h plb_request.h plb_state.h plb_upstream.h\
	bootstrap.h bootstrap_dns.h call_filter.h discovery.h\
	discovery_contacts.h discovery_registry.h discovery_state.h

# Shells: what has a descriptor, a clock, a child or a log.

KIT =		acceptor.o atomicfile.o conn.o die.o env.o epmd_lookup.o\
		epmd_register.o hub.o latest.o lines.o log.o loop.o\
		net.o opt.o opt_want.o program.o program_file.o sink.o worker.o
SHELLS =	$(KIT)\
		authority_process.o\
		bootstrap_blocking.o bootstrap_child.o bootstrap_resolvconf.o\
		bootstrap_resolve.o bootstrap_resolve_epmd.o\
		bootstrap_resolve_srv.o\
		call.o call_wait.o\
		channel_args.o channel_groups.o channel_process.o\
		channel_tether.o channel_ucspi.o\
		discovery_io.o discovery_module.o\
		listener_acceptor.o listener_edition.o listener_preflight.o\
		listener_publish.o listener_session.o\
		plb_proxies.o

SHELLS_H =\
	acceptor.h atomicfile.h conn.h die.h env.h epmd_lookup.h\
	epmd_register.h hub.h latest.h lines.h log.h loop.h\
	net.h opt.h opt_want.h program.h program_file.h sink.h worker.h\
	authority_process.h\
	bootstrap_blocking.h bootstrap_child.h bootstrap_resolvconf.h\
	bootstrap_resolve.h\
	call.h call_state.h\
	channel_args.h channel_groups.h channel_process.h channel_tether.h\
	channel_ucspi.h\
	discovery_io.h discovery_module.h\
	listener_acceptor.h listener_acceptor_state.h listener_edition.h\
	listener_preflight.h listener_publish.h\
	plb_proxies.h

# Tests

CORE_TESTS =\
	t/addr.test t/attrs.test t/authority.test t/authority_peers.test\
	t/bootstrap.test t/bootstrap_dns.test t/broker.test t/broker_buy.test\
	t/broker_sell.test t/buf.test t/call_filter.test t/channel.test\
	t/channel_end.test t/channel_inflight.test t/channel_pool.test\
	t/channel_run.test t/credit.test t/discovery.test\
	t/discovery_answer.test t/discovery_contacts.test t/epmd.test\
	t/exchange.test t/exchange_match.test t/exchange_notice.test\
	t/fenwick.test t/field.test t/frame.test t/heap.test t/hostport.test\
	t/link.test t/link_frame.test t/link_time.test t/listener.test\
	t/listener_share.test t/loglimit.test t/map.test t/model.test\
	t/msg.test t/outbox.test t/peers.test t/peers_link.test t/plb.test\
	t/plb_again.test t/plb_balance.test t/plb_channel.test\
	t/plb_chaos.test t/plb_client.test t/plb_end.test t/plb_request.test\
	t/plb_run.test t/plb_switch.test t/plb_upstream.test t/preauth.test\
	t/report.test t/rng.test t/sha256.test t/tlv.test t/wire.test
SHELL_TESTS =\
	t/acceptor.shell t/atomicfile.shell t/bootstrap_resolvconf.shell\
	t/channel_groups.shell t/conn.shell t/conn_end.shell t/discovery_io.shell\
	t/env.shell t/hub.shell t/latest.shell t/lines.shell\
	t/listener_preflight.shell t/listener_publish.shell t/log.shell\
	t/loop.shell t/loop_watch.shell t/net.shell t/net_start.shell\
	t/plb_proxies.shell t/program.shell t/sink.shell t/worker.shell
FUZZ_TESTS =	t/fuzz_dns.test t/fuzz_link.test t/fuzz_msg.test
TESTS =		$(CORE_TESTS) $(SHELL_TESTS) $(FUZZ_TESTS)

# The longest first: several run at a time (t/check.sh).
SCRIPTS =\
	t/discovery.sh t/examples.sh t/mesh.sh t/split.sh t/runit.sh\
	t/bootstrap.sh t/upgrade.sh t/joins.sh t/strangers.sh t/sim.sh\
	t/activation.sh t/broken.sh t/byhand.sh t/call.sh t/canary.sh\
	t/compete.sh t/credit.sh t/ctl.sh t/deadends.sh t/fills.sh\
	t/herd.sh t/hosts.sh t/inetd.sh t/install.sh t/keys.sh t/manpages.sh\
	t/needs.sh t/pipes.sh t/switch.sh t/twice.sh

HELPERS =	t/activate t/epmdtalk t/listen t/puppet t/rows t/sim t/slot\
		t/stranger
BENCHES =\
	t/bench/codec.bench t/bench/discovery.bench t/bench/exchange.bench\
	t/bench/first.bench t/bench/links.bench t/bench/load.bench\
	t/bench/loop.bench t/bench/plb.bench t/bench/regain.bench\
	t/bench/relay.bench t/bench/sampler.bench t/bench/spawn.bench

FIXTURES =\
	t/action.o t/asked.o t/book.o t/calm.o t/chaos.o t/dealer.o\
	t/directory.o t/drive.o t/ends.o t/fake.o t/floor.o t/fuzz/main.o\
	t/golden.o\
	t/hands.o t/hex.o t/house.o t/office.o t/owner.o t/parties.o\
	t/sample.o t/shop.o t/stall.o t/street.o t/talk.o t/tally.o t/turns.o\
	t/world.o
VIRTUAL =\
	t/virtual/agent.o t/virtual/census.o t/virtual/check.o\
	t/virtual/descriptor.o t/virtual/entry.o t/virtual/event.o\
	t/virtual/fault.o t/virtual/host.o t/virtual/ledger.o\
	t/virtual/load.o t/virtual/loop.o t/virtual/net.o\
	t/virtual/placing.o t/virtual/plan.o t/virtual/proc.o\
	t/virtual/role.o t/virtual/settle.o t/virtual/staff.o\
	t/virtual/trade.o t/virtual/watcher.o t/virtual/world.o
TESTS_H =\
	t/action.h t/asked.h t/bench/bench.h t/book.h t/fake.h t/calm.h t/chaos.h t/check.h\
	t/dealer.h t/directory.h t/drive.h t/ends.h t/floor.h t/fuzz/fuzz.h\
	t/golden.h t/hands.h t/hex.h t/house.h t/office.h t/owner.h\
	t/parties.h t/sample.h t/shop.h t/stall.h t/street.h t/talk.h\
	t/tally.h t/turns.h t/virtual/census.h t/virtual/event.h\
	t/virtual/net.h t/virtual/proc.h t/virtual/sim.h t/world.h

all: $(PROGS)

.SUFFIXES:
.SUFFIXES: .o .c .test .shell .bench

ALL =		shells.a cores.a

.c.o:
	$(CC) $(CPPFLAGS) $(CFLAGS) $(C99) -c -o $@ $<
.o:
	$(CC) $(LDFLAGS) -o $@ $< $(ALL) $(LDLIBS)
.o.test:
	$(CC) $(LDFLAGS) -o $@ $< cores.a $(LDLIBS) $(CMOCKA)
.o.shell:
	$(CC) $(LDFLAGS) -o $@ $< $(ALL) $(LDLIBS) $(CMOCKA)
.o.bench:
	$(CC) $(LDFLAGS) -o $@ $< t/bench/bench.o $(ALL) $(LDLIBS)

cores.a: $(CORES)
	rm -f $@ && ar rc $@ $(CORES)
shells.a: $(SHELLS)
	rm -f $@ && ar rc $@ $(SHELLS)

$(PROGS): $(ALL)
$(CORE_TESTS) $(FUZZ_TESTS): cores.a
$(SHELL_TESTS): $(ALL)
$(BENCHES): t/bench/bench.o $(ALL)
t/activate t/listen t/puppet t/rows t/slot t/stranger: $(ALL)
t/epmdtalk: t/epmdtalk.o t/talk.o $(ALL)
	$(CC) $(LDFLAGS) -o $@ t/epmdtalk.o t/talk.o $(ALL) $(LDLIBS)

# The driver itself, over a loop, a network and a log of the simulator's own.
DRIVER =	acceptor.o conn.o hub.o

t/sim: t/sim.o $(VIRTUAL) $(DRIVER) cores.a
	$(CC) $(LDFLAGS) -o $@ t/sim.o $(VIRTUAL) $(DRIVER) cores.a $(LDLIBS)

CORE_TEST =	$(CC) $(LDFLAGS) -o $@
WITH_CORES =	cores.a $(LDLIBS) $(CMOCKA)
WITH_ALL =	$(ALL) $(LDLIBS) $(CMOCKA)

# Tests with fixtures.

t/exchange.test: t/exchange.o t/floor.o
	$(CORE_TEST) t/exchange.o t/floor.o $(WITH_CORES)
t/exchange_match.test: t/exchange_match.o t/floor.o
	$(CORE_TEST) t/exchange_match.o t/floor.o $(WITH_CORES)
t/exchange_notice.test: t/exchange_notice.o t/floor.o
	$(CORE_TEST) t/exchange_notice.o t/floor.o $(WITH_CORES)
t/model.test: t/model.o t/world.o
	$(CORE_TEST) t/model.o t/world.o $(WITH_CORES)
t/channel.test: t/channel.o t/parties.o
	$(CORE_TEST) t/channel.o t/parties.o $(WITH_CORES)
t/channel_end.test: t/channel_end.o t/parties.o
	$(CORE_TEST) t/channel_end.o t/parties.o $(WITH_CORES)
t/channel_run.test: t/channel_run.o t/parties.o
	$(CORE_TEST) t/channel_run.o t/parties.o $(WITH_CORES)
t/credit.test: t/credit.o t/action.o t/asked.o t/calm.o t/dealer.o t/hands.o t/house.o t/street.o t/tally.o
	$(CORE_TEST) t/credit.o t/action.o t/asked.o t/calm.o t/dealer.o t/hands.o t/house.o t/street.o t/tally.o $(WITH_CORES)
t/discovery_contacts.test: t/discovery_contacts.o t/directory.o
	$(CORE_TEST) t/discovery_contacts.o t/directory.o $(WITH_CORES)
t/discovery.test: t/discovery.o t/directory.o
	$(CORE_TEST) t/discovery.o t/directory.o $(WITH_CORES)
t/discovery_answer.test: t/discovery_answer.o t/directory.o
	$(CORE_TEST) t/discovery_answer.o t/directory.o $(WITH_CORES)
t/listener.test: t/listener.o t/stall.o
	$(CORE_TEST) t/listener.o t/stall.o $(WITH_CORES)
t/listener_share.test: t/listener_share.o t/stall.o
	$(CORE_TEST) t/listener_share.o t/stall.o $(WITH_CORES)
t/authority.test: t/authority.o t/office.o t/drive.o
	$(CORE_TEST) t/authority.o t/office.o t/drive.o $(WITH_CORES)
t/authority_peers.test: t/authority_peers.o t/office.o t/drive.o
	$(CORE_TEST) t/authority_peers.o t/office.o t/drive.o $(WITH_CORES)
t/broker.test: t/broker.o t/shop.o t/drive.o
	$(CORE_TEST) t/broker.o t/shop.o t/drive.o $(WITH_CORES)
t/broker_buy.test: t/broker_buy.o t/shop.o t/drive.o
	$(CORE_TEST) t/broker_buy.o t/shop.o t/drive.o $(WITH_CORES)
t/broker_sell.test: t/broker_sell.o t/shop.o t/drive.o
	$(CORE_TEST) t/broker_sell.o t/shop.o t/drive.o $(WITH_CORES)
t/field.test: t/field.o t/sample.o
	$(CORE_TEST) t/field.o t/sample.o $(WITH_CORES)
t/msg.test: t/msg.o t/sample.o
	$(CORE_TEST) t/msg.o t/sample.o $(WITH_CORES)
t/wire.test: t/wire.o t/golden.o t/hex.o t/sample.o
	$(CORE_TEST) t/wire.o t/golden.o t/hex.o t/sample.o $(WITH_CORES)
t/link.test: t/link.o t/ends.o
	$(CORE_TEST) t/link.o t/ends.o $(WITH_CORES)
t/link_frame.test: t/link_frame.o t/ends.o
	$(CORE_TEST) t/link_frame.o t/ends.o $(WITH_CORES)
t/link_time.test: t/link_time.o t/ends.o
	$(CORE_TEST) t/link_time.o t/ends.o $(WITH_CORES)
t/peers.test: t/peers.o t/book.o
	$(CORE_TEST) t/peers.o t/book.o $(WITH_CORES)
t/peers_link.test: t/peers_link.o t/book.o
	$(CORE_TEST) t/peers_link.o t/book.o $(WITH_CORES)
t/plb.test: t/plb.o t/fake.o t/drive.o
	$(CORE_TEST) t/plb.o t/fake.o t/drive.o $(WITH_CORES)
t/plb_again.test: t/plb_again.o t/fake.o t/drive.o
	$(CORE_TEST) t/plb_again.o t/fake.o t/drive.o $(WITH_CORES)
t/plb_channel.test: t/plb_channel.o t/fake.o t/drive.o
	$(CORE_TEST) t/plb_channel.o t/fake.o t/drive.o $(WITH_CORES)
t/plb_client.test: t/plb_client.o t/fake.o t/drive.o
	$(CORE_TEST) t/plb_client.o t/fake.o t/drive.o $(WITH_CORES)
t/plb_end.test: t/plb_end.o t/fake.o t/drive.o
	$(CORE_TEST) t/plb_end.o t/fake.o t/drive.o $(WITH_CORES)
t/plb_run.test: t/plb_run.o t/fake.o t/drive.o
	$(CORE_TEST) t/plb_run.o t/fake.o t/drive.o $(WITH_CORES)
t/plb_switch.test: t/plb_switch.o t/fake.o t/drive.o
	$(CORE_TEST) t/plb_switch.o t/fake.o t/drive.o $(WITH_CORES)
t/plb_chaos.test: t/plb_chaos.o t/chaos.o
	$(CORE_TEST) t/plb_chaos.o t/chaos.o $(WITH_CORES)
t/fuzz_dns.test: t/fuzz/fuzz_dns.o t/fuzz/main.o t/hex.o
	$(CORE_TEST) t/fuzz/fuzz_dns.o t/fuzz/main.o t/hex.o $(WITH_CORES)
t/fuzz_link.test: t/fuzz/fuzz_link.o t/fuzz/main.o t/hex.o
	$(CORE_TEST) t/fuzz/fuzz_link.o t/fuzz/main.o t/hex.o $(WITH_CORES)
t/fuzz_msg.test: t/fuzz/fuzz_msg.o t/fuzz/main.o t/hex.o
	$(CORE_TEST) t/fuzz/fuzz_msg.o t/fuzz/main.o t/hex.o $(WITH_CORES)
t/conn.shell: t/conn.o t/owner.o t/turns.o
	$(CORE_TEST) t/conn.o t/owner.o t/turns.o $(WITH_ALL)
t/conn_end.shell: t/conn_end.o t/owner.o t/turns.o
	$(CORE_TEST) t/conn_end.o t/owner.o t/turns.o $(WITH_ALL)
t/acceptor.shell: t/acceptor.o t/turns.o
	$(CORE_TEST) t/acceptor.o t/turns.o $(WITH_ALL)
t/loop.shell: t/loop.o t/turns.o
	$(CORE_TEST) t/loop.o t/turns.o $(WITH_ALL)
t/loop_watch.shell: t/loop_watch.o t/turns.o
	$(CORE_TEST) t/loop_watch.o t/turns.o $(WITH_ALL)
t/sink.shell: t/sink.o t/turns.o
	$(CORE_TEST) t/sink.o t/turns.o $(WITH_ALL)
t/discovery_io.shell: t/discovery_io.o t/turns.o
	$(CORE_TEST) t/discovery_io.o t/turns.o $(WITH_ALL)
t/listener_preflight.shell: t/listener_preflight.o t/turns.o
	$(CORE_TEST) t/listener_preflight.o t/turns.o $(WITH_ALL)

# A header has its whole layer compiled again.
$(CORES): $(CORES_H)
$(SHELLS) $(PROGS:=.o): $(CORES_H) $(SHELLS_H)
$(FIXTURES) $(VIRTUAL) t/bench/bench.o: $(CORES_H) $(SHELLS_H) $(TESTS_H)
$(CORE_TESTS:.test=.o): $(CORES_H) $(TESTS_H)
$(SHELL_TESTS:.shell=.o) $(BENCHES:.bench=.o): $(CORES_H) $(SHELLS_H) $(TESTS_H)
$(HELPERS:=.o): $(CORES_H) $(SHELLS_H) $(TESTS_H)


# cmocka may have to be installed before a test can be compiled, so the tests
# are built by a make of their own.

check: all
	@CC='$(CC) $(CPPFLAGS) $(LDFLAGS)' sh t/setup.sh cmocka
	@$(MAKE) tests
	@CC='$(CC)' sh t/check.sh $(TESTS) $(SCRIPTS)

unit:
	@CC='$(CC) $(CPPFLAGS) $(LDFLAGS)' sh t/setup.sh cmocka
	@$(MAKE) tests
	@sh t/check.sh $(TESTS)

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
	    CHECK_FACTOR=3 MODEL_LENGTH=3 SIM_WORLDS=50 $(MAKE) check \
	    LDFLAGS='$(SANITIZE)' CFLAGS='-O1 -g $(SANITIZE) \
	    -fno-sanitize-recover=undefined -fno-omit-frame-pointer'

valgrind: all
	@CC='$(CC) $(CPPFLAGS) $(LDFLAGS)' sh t/setup.sh cmocka valgrind
	@$(MAKE) tests
	@CHECK_FACTOR=5 CHECK_CLEAN=$(CHECK_CLEAN) MODEL_LENGTH=3 SIM_WORLDS=5 \
	    CHECK_UNDER='$(VALGRIND)' sh t/check.sh $(TESTS) $(SCRIPTS)

tests: $(TESTS) $(HELPERS)

soak: all
	@sh t/soak.sh

benches: $(BENCHES)

bench: all benches
	@sh t/bench/run.sh

lint:
	@sh t/lint.sh

install: all
	mkdir -p '$(DESTDIR)$(PREFIX)/bin'
	@for f in $(PROGS); do \
		echo "install $(DESTDIR)$(PREFIX)/bin/$$f"; \
		cp -f "$$f" '$(DESTDIR)$(PREFIX)/bin' || exit 1; \
		chmod 755 "$(DESTDIR)$(PREFIX)/bin/$$f" || exit 1; \
	done
	@for f in man/*.[1-9]; do \
		test -f "$$f" || continue; \
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

.PHONY: all bench benches check clean install lint sanitize soak tests\
	uninstall unit valgrind
