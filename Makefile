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
#	make deps		write the header dependencies below anew
#	make install		to DESTDIR, PREFIX and MANDIR
#
# To add an object: its name in the lists of who links it, then `make deps'.
# To add a program: a line in PROGS, its list of objects, its link line.
# To add a test: the same three lines under Tests; a script: a line in SCRIPTS.

.POSIX:

PREFIX =	/usr/local
MANDIR =	$(PREFIX)/share/man

CC =		cc
CPPFLAGS =
CFLAGS =	-O2 -g -Wall -Wextra -Wshadow
LDFLAGS =
LDLIBS =
CMOCKA =	-lcmocka

# What the sources need whatever the flags above are: assertions stay in. Where
# long has 32 bits, glibc's stat() and readdir() fail for files of larger inode
# numbers or times unless asked for more; elsewhere asking changes nothing.
C99 =		-std=c99 -pedantic -D_POSIX_C_SOURCE=200809L -UNDEBUG -I.\
		-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
LINK =		$(CC) $(LDFLAGS) -o $@

PROGS =\
	lambda-authority\
	lambda-bootstrap\
	lambda-broker\
	lambda-call\
	lambda-channel\
	lambda-ctl\
	lambda-discovery\
	lambda-exchange\
	lambda-listener\
	lambda-plb\
	lambda-solo

# The longest first: several run at a time (t/check.sh).
SCRIPTS =\
	t/discovery.sh\
	t/examples.sh\
	t/mesh.sh\
	t/split.sh\
	t/runit.sh\
	t/bootstrap.sh\
	t/upgrade.sh\
	t/joins.sh\
	t/strangers.sh\
	t/sim.sh\
	t/activation.sh\
	t/broken.sh\
	t/byhand.sh\
	t/call.sh\
	t/canary.sh\
	t/compete.sh\
	t/credit.sh\
	t/ctl.sh\
	t/deadends.sh\
	t/deps.sh\
	t/fills.sh\
	t/herd.sh\
	t/hosts.sh\
	t/inetd.sh\
	t/install.sh\
	t/keys.sh\
	t/manpages.sh\
	t/needs.sh\
	t/pipes.sh\
	t/switch.sh\
	t/twice.sh

TESTS =\
	t/acceptor.test\
	t/addr.test\
	t/attrs.test\
	t/authority.test\
	t/authority_peers.test\
	t/bootstrap.test\
	t/broker.test\
	t/broker_buy.test\
	t/broker_sell.test\
	t/buf.test\
	t/channel.test\
	t/channel_end.test\
	t/channel_run.test\
	t/conn.test\
	t/conn_end.test\
	t/contacts.test\
	t/credit.test\
	t/crew.test\
	t/dns.test\
	t/discovery.test\
	t/discovery_answer.test\
	t/discovery_io.test\
	t/epmd.test\
	t/exchange.test\
	t/fenwick.test\
	t/field.test\
	t/filter.test\
	t/frame.test\
	t/fuzz_dns.test\
	t/fuzz_link.test\
	t/fuzz_msg.test\
	t/gate.test\
	t/hold.test\
	t/hostport.test\
	t/hub.test\
	t/latest.test\
	t/launch.test\
	t/lines.test\
	t/link.test\
	t/link_frame.test\
	t/link_time.test\
	t/listener.test\
	t/listener_share.test\
	t/log.test\
	t/loop.test\
	t/loop_watch.test\
	t/map.test\
	t/match.test\
	t/model.test\
	t/msg.test\
	t/net.test\
	t/net_start.test\
	t/notice.test\
	t/offer.test\
	t/outbox.test\
	t/peers.test\
	t/peers_link.test\
	t/pick.test\
	t/plb.test\
	t/plb_again.test\
	t/plb_channel.test\
	t/plb_chaos.test\
	t/plb_client.test\
	t/plb_end.test\
	t/plb_run.test\
	t/plb_switch.test\
	t/proxies.test\
	t/replace.test\
	t/report.test\
	t/requests.test\
	t/resolvconf.test\
	t/rng.test\
	t/roll.test\
	t/running.test\
	t/run.test\
	t/sha256.test\
	t/sink.test\
	t/strangers.test\
	t/tlv.test\
	t/trial.test\
	t/wire.test\
	t/worker.test

HELPERS =\
	t/activate\
	t/epmdtalk\
	t/listen\
	t/puppet\
	t/rows\
	t/sim\
	t/stranger\
	t/slot

BENCHES =\
	t/bench/codec.bench\
	t/bench/discovery.bench\
	t/bench/exchange.bench\
	t/bench/first.bench\
	t/bench/links.bench\
	t/bench/load.bench\
	t/bench/loop.bench\
	t/bench/machine.bench\
	t/bench/plb.bench\
	t/bench/regain.bench\
	t/bench/relay.bench\
	t/bench/sampler.bench\
	t/bench/spawn.bench

all: $(PROGS)

# Layers, each on top of the ones before it; a core reaches no further than
# PROTO.

BASE =\
	buf.o\
	map.o\
	rng.o\
	sha256.o\
	tlv.o

PROTO =\
	$(BASE)\
	attrs.o\
	attrs_build.o\
	link.o\
	msg.o\
	msg_table.o\
	outbox.o\
	peers.o\
	report.o\
	scratch.o

IO =\
	acceptor.o\
	addr.o\
	conn.o\
	die.o\
	gate.o\
	hub.o\
	hub_link.o\
	log.o\
	loop.o\
	loop_timer.o\
	loop_watch.o\
	net.o\
	opt.o\
	run.o\
	signals.o\
	strangers.o

# Cores; K: without what another one links, too.

C_AUTHORITY =	authority.o authority_module.o authority_report.o\
		authority_run.o gossip.o hostport.o rendezvous.o
K_BROKER =	broker.o broker_buy.o broker_contact.o broker_fill.o\
		broker_module.o broker_order.o broker_report.o broker_sell.o
C_BROKER =	$(K_BROKER) gossip.o hostport.o
C_CHANNEL =	channel.o channel_run.o crew.o frame.o running.o
C_DISCOVERY =	contacts.o discovery.o discovery_answer.o epmd.o registry.o
C_EXCHANGE =	choose.o class.o exchange.o exchange_order.o exchange_report.o\
		fenwick.o market.o market_buy.o market_exclude.o match.o\
		notice.o queue.o reserve.o
C_LISTENER =	listener.o listener_share.o
K_PLB =		hold.o pick.o plb.o plb_buy.o plb_channel.o plb_client.o\
		plb_run.o plb_switch.o requests.o
C_PLB =		$(K_PLB) fenwick.o

# Programs

AUTHORITY =	lambda-authority.o children.o epmd.o epmd_register.o launch.o\
		lines.o $(C_AUTHORITY) $(PROTO) $(IO)
BOOTSTRAP =	lambda-bootstrap.o asker.o blocking.o bootstrap.o dns.o epmd.o\
		latest.o launch.o resolvconf.o resolve.o resolve_epmd.o\
		resolve_srv.o sink.o $(PROTO) $(IO)
BROKER =	lambda-broker.o latest.o launch.o lines.o sink.o $(C_BROKER)\
		$(PROTO) $(IO)
CALL =		lambda-call.o caller.o caller_wait.o filter.o frame.o launch.o\
		proxies.o sink.o want.o $(C_PLB) $(PROTO) $(IO)
CHANNEL =	lambda-channel.o args.o launch.o program_file.o roll.o\
		tether.o ucspi.o worker.o workers.o $(C_CHANNEL) $(PROTO)\
		$(IO)
CTL =		lambda-ctl.o launch.o $(PROTO) $(IO)
DISCOVERY =	lambda-discovery.o discovery_io.o epmd_module.o launch.o\
		lines.o replace.o $(C_DISCOVERY) $(PROTO) $(IO)
EXCHANGE =	lambda-exchange.o launch.o $(C_EXCHANGE) $(PROTO) $(IO)
LISTENER =	lambda-listener.o door.o door_channel.o edition.o epmd.o\
		epmd_lookup.o frame.o launch.o offer.o program_file.o roll.o\
		tether.o trial.o worker.o $(C_LISTENER) $(PROTO) $(IO)
PLB =		lambda-plb.o launch.o proxies.o want.o $(C_PLB) $(PROTO) $(IO)
SOLO =		lambda-solo.o launch.o $(PROTO) $(IO)

lambda-authority: $(AUTHORITY)
	$(LINK) $(AUTHORITY) $(LDLIBS)
lambda-bootstrap: $(BOOTSTRAP)
	$(LINK) $(BOOTSTRAP) $(LDLIBS)
lambda-broker: $(BROKER)
	$(LINK) $(BROKER) $(LDLIBS)
lambda-call: $(CALL)
	$(LINK) $(CALL) $(LDLIBS)
lambda-channel: $(CHANNEL)
	$(LINK) $(CHANNEL) $(LDLIBS)
lambda-ctl: $(CTL)
	$(LINK) $(CTL) $(LDLIBS)
lambda-discovery: $(DISCOVERY)
	$(LINK) $(DISCOVERY) $(LDLIBS)
lambda-exchange: $(EXCHANGE)
	$(LINK) $(EXCHANGE) $(LDLIBS)
lambda-listener: $(LISTENER)
	$(LINK) $(LISTENER) $(LDLIBS)
lambda-plb: $(PLB)
	$(LINK) $(PLB) $(LDLIBS)
lambda-solo: $(SOLO)
	$(LINK) $(SOLO) $(LDLIBS)

# Tests: each links what it names and nothing else.

T_ACCEPTOR =	t/acceptor.o t/still.o t/turns.o acceptor.o addr.o die.o log.o loop.o\
		loop_timer.o loop_watch.o net.o signals.o
T_ATTRS =	t/attrs.o attrs.o attrs_build.o msg.o msg_table.o tlv.o buf.o
T_BUF =		t/buf.o buf.o
X_EXCHANGE =	$(C_EXCHANGE) attrs.o attrs_build.o buf.o map.o msg.o\
		msg_table.o outbox.o report.o rng.o scratch.o tlv.o
T_EXCHANGE =	t/exchange.o t/floor.o $(X_EXCHANGE)
T_MATCH =	t/match.o t/floor.o $(X_EXCHANGE)
T_MODEL =	t/model.o t/world.o $(X_EXCHANGE)
T_NOTICE =	t/notice.o t/floor.o $(X_EXCHANGE)
B_EXCHANGE =	t/bench/exchange.o $(X_EXCHANGE)
T_ADDR =	t/addr.o addr.o
T_OWNER =	t/owner.o t/turns.o conn.o net.o addr.o buf.o die.o loop.o\
		loop_timer.o loop_watch.o signals.o
T_CONN =	t/conn.o $(T_OWNER)
T_CONN_END =	t/conn_end.o $(T_OWNER)
T_LOOP =	t/loop.o t/turns.o rng.o die.o loop.o loop_timer.o loop_watch.o\
		signals.o
T_LOOP_WATCH =	t/loop_watch.o t/turns.o rng.o die.o loop.o loop_timer.o\
		loop_watch.o signals.o
T_NET =		t/net.o net.o addr.o
T_NET_START =	t/net_start.o net.o addr.o
T_REPLACE =	t/replace.o replace.o
T_RUN =		t/run.o run.o addr.o die.o net.o
T_SINK =	t/sink.o t/turns.o sink.o buf.o die.o loop.o loop_timer.o\
		loop_watch.o signals.o
B_LOOP =	t/bench/loop.o conn.o net.o addr.o buf.o die.o loop.o\
		loop_timer.o loop_watch.o signals.o
T_FENWICK =	t/fenwick.o fenwick.o rng.o
T_LOG =		t/log.o log.o die.o
T_MAP =		t/map.o map.o rng.o
T_RNG =		t/rng.o rng.o
T_ROLL =	t/roll.o roll.o
T_RUNNING =	t/running.o running.o
T_SHA256 =	t/sha256.o sha256.o
T_STRANGERS =	t/strangers.o strangers.o
T_TLV =		t/tlv.o tlv.o
F_CHANNEL =	t/parties.o outbox.o msg.o msg_table.o tlv.o buf.o map.o\
		$(C_CHANNEL)
T_CHANNEL =	t/channel.o $(F_CHANNEL)
T_CHANNEL_END =	t/channel_end.o $(F_CHANNEL)
T_CHANNEL_RUN =	t/channel_run.o $(F_CHANNEL)
T_CREDIT =	t/credit.o t/action.o t/asked.o t/calm.o t/dealer.o t/hands.o\
		t/house.o t/street.o t/tally.o $(C_CHANNEL) $(C_LISTENER) $(X_PLB) map.o
T_CREW =	t/crew.o crew.o
T_DISCOVERY_IO =	t/discovery_io.o t/still.o t/turns.o acceptor.o discovery_io.o\
		$(C_DISCOVERY) outbox.o msg.o msg_table.o tlv.o addr.o buf.o\
		conn.o die.o log.o loop.o loop_timer.o loop_watch.o map.o\
		net.o signals.o
F_DISCOVERY =	t/directory.o outbox.o msg.o msg_table.o tlv.o buf.o map.o\
		$(C_DISCOVERY)
T_CONTACTS =	t/contacts.o $(F_DISCOVERY)
T_DISCOVERY =	t/discovery.o $(F_DISCOVERY)
T_DISCOVERY_ANSWER =	t/discovery_answer.o $(F_DISCOVERY)
T_EPMD =	t/epmd.o buf.o epmd.o map.o registry.o
T_FRAME =	t/frame.o frame.o buf.o msg.o msg_table.o tlv.o
T_GATE =	t/gate.o gate.o
T_LAUNCH =	t/launch.o launch.o die.o
F_LISTENER =	t/stall.o attrs.o attrs_build.o outbox.o msg.o msg_table.o\
		tlv.o buf.o map.o $(C_LISTENER)
T_LISTENER =	t/listener.o $(F_LISTENER)
T_LISTENER_SHARE =	t/listener_share.o $(F_LISTENER)
F_AUTHORITY =	t/office.o t/drive.o outbox.o msg.o msg_table.o tlv.o buf.o\
		map.o report.o scratch.o $(C_AUTHORITY)
T_AUTHORITY =	t/authority.o $(F_AUTHORITY)
T_AUTHORITY_PEERS =	t/authority_peers.o $(F_AUTHORITY)
T_BOOTSTRAP =	t/bootstrap.o bootstrap.o outbox.o msg.o msg_table.o tlv.o\
		buf.o map.o addr.o
F_BROKER =	t/shop.o t/drive.o outbox.o msg.o msg_table.o tlv.o buf.o map.o\
		report.o scratch.o $(C_BROKER)
T_BROKER =	t/broker.o $(F_BROKER)
T_BROKER_BUY =	t/broker_buy.o $(F_BROKER)
T_BROKER_SELL =	t/broker_sell.o $(F_BROKER)
T_DNS =		t/dns.o dns.o rng.o
T_RESOLVCONF =	t/resolvconf.o resolvconf.o addr.o
T_HOSTPORT =	t/hostport.o hostport.o
T_HUB =		t/hub.o t/still.o t/turns.o $(PROTO) $(IO)
T_LATEST =	t/latest.o latest.o sink.o buf.o map.o run.o addr.o die.o\
		log.o net.o loop.o loop_timer.o loop_watch.o signals.o
T_LINES =	t/lines.o lines.o addr.o die.o log.o loop.o loop_timer.o\
		loop_watch.o signals.o
T_FIELD =	t/field.o t/sample.o msg.o msg_table.o rng.o tlv.o
T_FUZZ_DNS =	t/fuzz/fuzz_dns.o t/fuzz/main.o t/hex.o dns.o msg.o msg_table.o\
		rng.o tlv.o
T_FUZZ_LINK =	t/fuzz/fuzz_link.o t/fuzz/main.o t/hex.o buf.o link.o msg.o\
		msg_table.o sha256.o tlv.o
T_FUZZ_MSG =	t/fuzz/fuzz_msg.o t/fuzz/main.o t/hex.o msg.o msg_table.o tlv.o
F_LINK =	t/ends.o buf.o link.o msg.o msg_table.o sha256.o tlv.o
T_LINK =	t/link.o $(F_LINK)
T_LINK_FRAME =	t/link_frame.o $(F_LINK)
T_LINK_TIME =	t/link_time.o $(F_LINK)
T_MSG =		t/msg.o t/sample.o msg.o msg_table.o rng.o tlv.o
T_OFFER =	t/offer.o offer.o program_file.o launch.o opt.o addr.o attrs.o\
		attrs_build.o buf.o die.o msg.o msg_table.o sha256.o tlv.o
T_OUTBOX =	t/outbox.o buf.o msg.o msg_table.o outbox.o tlv.o
F_PEERS =	t/book.o map.o msg.o msg_table.o peers.o rng.o tlv.o
T_PEERS =	t/peers.o $(F_PEERS)
T_PEERS_LINK =	t/peers_link.o $(F_PEERS)
H_SIM =		t/sim.o t/virtual/agent.o t/virtual/census.o t/virtual/check.o\
		t/virtual/entry.o t/virtual/event.o t/virtual/fault.o\
		t/virtual/ledger.o t/virtual/load.o t/virtual/net.o\
		t/virtual/placing.o t/virtual/plan.o t/virtual/proc.o\
		t/virtual/role.o t/virtual/settle.o t/virtual/staff.o\
		t/virtual/tie.o t/virtual/trade.o t/virtual/world.o gate.o\
		$(C_AUTHORITY) $(K_BROKER) $(C_CHANNEL) $(C_EXCHANGE)\
		$(C_LISTENER) $(K_PLB) $(PROTO)
H_LISTEN =	t/listen.o addr.o die.o net.o
H_EPMDTALK =	t/epmdtalk.o t/talk.o addr.o buf.o epmd.o
H_ACTIVATE =	t/activate.o addr.o die.o net.o
H_STRANGER =	t/stranger.o addr.o die.o log.o msg.o msg_table.o net.o tlv.o
H_PUPPET =	t/puppet.o launch.o lines.o $(PROTO) $(IO)
H_ROWS =	t/rows.o msg_table.o
H_SLOT =	t/slot.o
T_WIRE =	t/wire.o t/golden.o t/hex.o t/sample.o msg.o msg_table.o rng.o\
		tlv.o
X_PLB =		$(C_PLB) attrs.o attrs_build.o buf.o msg.o msg_table.o outbox.o\
		report.o rng.o scratch.o tlv.o
F_PLB =		t/fake.o t/drive.o $(X_PLB)
T_FILTER =	t/filter.o filter.o frame.o buf.o msg.o msg_table.o rng.o tlv.o
T_HOLD =	t/hold.o hold.o pick.o requests.o fenwick.o rng.o attrs.o buf.o\
		msg.o msg_table.o tlv.o
T_PICK =	t/pick.o pick.o fenwick.o rng.o attrs.o attrs_build.o buf.o\
		msg.o msg_table.o tlv.o
T_PLB =		t/plb.o $(F_PLB)
T_PLB_AGAIN =	t/plb_again.o $(F_PLB)
T_PLB_CHANNEL =	t/plb_channel.o $(F_PLB)
T_PLB_CHAOS =	t/plb_chaos.o t/chaos.o $(X_PLB)
T_PLB_CLIENT =	t/plb_client.o $(F_PLB)
T_PLB_END =	t/plb_end.o $(F_PLB)
T_PLB_RUN =	t/plb_run.o $(F_PLB)
T_PLB_SWITCH =	t/plb_switch.o $(F_PLB)
T_PROXIES =	t/proxies.o proxies.o launch.o addr.o attrs.o attrs_build.o\
		buf.o die.o log.o msg.o msg_table.o net.o run.o tlv.o
T_REPORT =	t/report.o buf.o msg.o msg_table.o outbox.o report.o scratch.o\
		tlv.o
T_REQUESTS =	t/requests.o requests.o msg.o msg_table.o tlv.o
B_PLB =		t/bench/plb.o $(X_PLB)
T_TRIAL =	t/trial.o t/still.o t/turns.o trial.o worker.o launch.o buf.o die.o\
		loop.o loop_timer.o loop_watch.o signals.o
T_WORKER =	t/worker.o t/still.o t/turns.o worker.o launch.o buf.o die.o loop.o loop_timer.o\
		loop_watch.o signals.o

t/acceptor.test: $(T_ACCEPTOR)
	$(LINK) $(T_ACCEPTOR) $(CMOCKA)
t/attrs.test: $(T_ATTRS)
	$(LINK) $(T_ATTRS) $(CMOCKA)
t/buf.test: $(T_BUF)
	$(LINK) $(T_BUF) $(CMOCKA)
t/exchange.test: $(T_EXCHANGE)
	$(LINK) $(T_EXCHANGE) $(CMOCKA)
t/match.test: $(T_MATCH)
	$(LINK) $(T_MATCH) $(CMOCKA)
t/notice.test: $(T_NOTICE)
	$(LINK) $(T_NOTICE) $(CMOCKA)
t/offer.test: $(T_OFFER)
	$(LINK) $(T_OFFER) $(CMOCKA)
t/model.test: $(T_MODEL)
	$(LINK) $(T_MODEL) $(CMOCKA)
t/bench/exchange.bench: $(B_EXCHANGE)
	$(LINK) $(B_EXCHANGE)
t/addr.test: $(T_ADDR)
	$(LINK) $(T_ADDR) $(CMOCKA)
t/conn.test: $(T_CONN)
	$(LINK) $(T_CONN) $(CMOCKA)
t/conn_end.test: $(T_CONN_END)
	$(LINK) $(T_CONN_END) $(CMOCKA)
t/contacts.test: $(T_CONTACTS)
	$(LINK) $(T_CONTACTS) $(CMOCKA)
t/loop.test: $(T_LOOP)
	$(LINK) $(T_LOOP) $(CMOCKA)
t/loop_watch.test: $(T_LOOP_WATCH)
	$(LINK) $(T_LOOP_WATCH) $(CMOCKA)
t/net.test: $(T_NET)
	$(LINK) $(T_NET) $(CMOCKA)
t/net_start.test: $(T_NET_START)
	$(LINK) $(T_NET_START) $(CMOCKA)
t/replace.test: $(T_REPLACE)
	$(LINK) $(T_REPLACE) $(CMOCKA)
t/run.test: $(T_RUN)
	$(LINK) $(T_RUN) $(CMOCKA)
t/sink.test: $(T_SINK)
	$(LINK) $(T_SINK) $(CMOCKA)
t/bench/loop.bench: $(B_LOOP)
	$(LINK) $(B_LOOP)
t/fenwick.test: $(T_FENWICK)
	$(LINK) $(T_FENWICK) $(CMOCKA)
t/log.test: $(T_LOG)
	$(LINK) $(T_LOG) $(CMOCKA)
t/map.test: $(T_MAP)
	$(LINK) $(T_MAP) $(CMOCKA)
t/rng.test: $(T_RNG)
	$(LINK) $(T_RNG) $(CMOCKA)
t/roll.test: $(T_ROLL)
	$(LINK) $(T_ROLL) $(CMOCKA)
t/running.test: $(T_RUNNING)
	$(LINK) $(T_RUNNING) $(CMOCKA)
t/sha256.test: $(T_SHA256)
	$(LINK) $(T_SHA256) $(CMOCKA)
t/strangers.test: $(T_STRANGERS)
	$(LINK) $(T_STRANGERS) $(CMOCKA)
t/tlv.test: $(T_TLV)
	$(LINK) $(T_TLV) $(CMOCKA)
t/trial.test: $(T_TRIAL)
	$(LINK) $(T_TRIAL) $(CMOCKA)
t/channel.test: $(T_CHANNEL)
	$(LINK) $(T_CHANNEL) $(CMOCKA)
t/channel_end.test: $(T_CHANNEL_END)
	$(LINK) $(T_CHANNEL_END) $(CMOCKA)
t/channel_run.test: $(T_CHANNEL_RUN)
	$(LINK) $(T_CHANNEL_RUN) $(CMOCKA)
t/credit.test: $(T_CREDIT)
	$(LINK) $(T_CREDIT) $(CMOCKA)
t/crew.test: $(T_CREW)
	$(LINK) $(T_CREW) $(CMOCKA)
t/discovery_io.test: $(T_DISCOVERY_IO)
	$(LINK) $(T_DISCOVERY_IO) $(CMOCKA)
t/discovery.test: $(T_DISCOVERY)
	$(LINK) $(T_DISCOVERY) $(CMOCKA)
t/discovery_answer.test: $(T_DISCOVERY_ANSWER)
	$(LINK) $(T_DISCOVERY_ANSWER) $(CMOCKA)
t/epmd.test: $(T_EPMD)
	$(LINK) $(T_EPMD) $(CMOCKA)
t/frame.test: $(T_FRAME)
	$(LINK) $(T_FRAME) $(CMOCKA)
t/gate.test: $(T_GATE)
	$(LINK) $(T_GATE) $(CMOCKA)
t/launch.test: $(T_LAUNCH)
	$(LINK) $(T_LAUNCH) $(CMOCKA)
t/listener.test: $(T_LISTENER)
	$(LINK) $(T_LISTENER) $(CMOCKA)
t/listener_share.test: $(T_LISTENER_SHARE)
	$(LINK) $(T_LISTENER_SHARE) $(CMOCKA)
t/authority.test: $(T_AUTHORITY)
	$(LINK) $(T_AUTHORITY) $(CMOCKA)
t/authority_peers.test: $(T_AUTHORITY_PEERS)
	$(LINK) $(T_AUTHORITY_PEERS) $(CMOCKA)
t/bootstrap.test: $(T_BOOTSTRAP)
	$(LINK) $(T_BOOTSTRAP) $(CMOCKA)
t/broker.test: $(T_BROKER)
	$(LINK) $(T_BROKER) $(CMOCKA)
t/broker_buy.test: $(T_BROKER_BUY)
	$(LINK) $(T_BROKER_BUY) $(CMOCKA)
t/broker_sell.test: $(T_BROKER_SELL)
	$(LINK) $(T_BROKER_SELL) $(CMOCKA)
t/dns.test: $(T_DNS)
	$(LINK) $(T_DNS) $(CMOCKA)
t/resolvconf.test: $(T_RESOLVCONF)
	$(LINK) $(T_RESOLVCONF) $(CMOCKA)
t/hostport.test: $(T_HOSTPORT)
	$(LINK) $(T_HOSTPORT) $(CMOCKA)
t/hub.test: $(T_HUB)
	$(LINK) $(T_HUB) $(CMOCKA)
t/latest.test: $(T_LATEST)
	$(LINK) $(T_LATEST) $(CMOCKA)
t/lines.test: $(T_LINES)
	$(LINK) $(T_LINES) $(CMOCKA)
t/field.test: $(T_FIELD)
	$(LINK) $(T_FIELD) $(CMOCKA)
t/fuzz_dns.test: $(T_FUZZ_DNS)
	$(LINK) $(T_FUZZ_DNS)
t/fuzz_link.test: $(T_FUZZ_LINK)
	$(LINK) $(T_FUZZ_LINK)
t/fuzz_msg.test: $(T_FUZZ_MSG)
	$(LINK) $(T_FUZZ_MSG)
t/link.test: $(T_LINK)
	$(LINK) $(T_LINK) $(CMOCKA)
t/link_frame.test: $(T_LINK_FRAME)
	$(LINK) $(T_LINK_FRAME) $(CMOCKA)
t/link_time.test: $(T_LINK_TIME)
	$(LINK) $(T_LINK_TIME) $(CMOCKA)
t/msg.test: $(T_MSG)
	$(LINK) $(T_MSG) $(CMOCKA)
t/outbox.test: $(T_OUTBOX)
	$(LINK) $(T_OUTBOX) $(CMOCKA)
t/peers.test: $(T_PEERS)
	$(LINK) $(T_PEERS) $(CMOCKA)
t/peers_link.test: $(T_PEERS_LINK)
	$(LINK) $(T_PEERS_LINK) $(CMOCKA)
t/wire.test: $(T_WIRE)
	$(LINK) $(T_WIRE) $(CMOCKA)
t/filter.test: $(T_FILTER)
	$(LINK) $(T_FILTER) $(CMOCKA)
t/hold.test: $(T_HOLD)
	$(LINK) $(T_HOLD) $(CMOCKA)
t/pick.test: $(T_PICK)
	$(LINK) $(T_PICK) $(CMOCKA)
t/plb.test: $(T_PLB)
	$(LINK) $(T_PLB) $(CMOCKA)
t/plb_again.test: $(T_PLB_AGAIN)
	$(LINK) $(T_PLB_AGAIN) $(CMOCKA)
t/plb_channel.test: $(T_PLB_CHANNEL)
	$(LINK) $(T_PLB_CHANNEL) $(CMOCKA)
t/plb_chaos.test: $(T_PLB_CHAOS)
	$(LINK) $(T_PLB_CHAOS) $(CMOCKA)
t/plb_client.test: $(T_PLB_CLIENT)
	$(LINK) $(T_PLB_CLIENT) $(CMOCKA)
t/plb_end.test: $(T_PLB_END)
	$(LINK) $(T_PLB_END) $(CMOCKA)
t/plb_run.test: $(T_PLB_RUN)
	$(LINK) $(T_PLB_RUN) $(CMOCKA)
t/plb_switch.test: $(T_PLB_SWITCH)
	$(LINK) $(T_PLB_SWITCH) $(CMOCKA)
t/proxies.test: $(T_PROXIES)
	$(LINK) $(T_PROXIES) $(CMOCKA)
t/report.test: $(T_REPORT)
	$(LINK) $(T_REPORT) $(CMOCKA)
t/requests.test: $(T_REQUESTS)
	$(LINK) $(T_REQUESTS) $(CMOCKA)
t/bench/plb.bench: $(B_PLB)
	$(LINK) $(B_PLB)
t/worker.test: $(T_WORKER)
	$(LINK) $(T_WORKER) $(CMOCKA)

t/sim: $(H_SIM)
	$(LINK) $(H_SIM)
t/listen: $(H_LISTEN)
	$(LINK) $(H_LISTEN)
t/epmdtalk: $(H_EPMDTALK)
	$(LINK) $(H_EPMDTALK)
t/activate: $(H_ACTIVATE)
	$(LINK) $(H_ACTIVATE)
t/puppet: $(H_PUPPET)
	$(LINK) $(H_PUPPET)
t/rows: $(H_ROWS)
	$(LINK) $(H_ROWS)
t/stranger: $(H_STRANGER)
	$(LINK) $(H_STRANGER)
t/slot: $(H_SLOT)
	$(LINK) $(H_SLOT)

# What measures, likewise.

B_CODEC =	t/bench/codec.o t/bench/bench.o msg.o msg_table.o tlv.o
B_DISCOVERY =	t/bench/discovery.o t/bench/bench.o buf.o epmd.o
B_FIRST =	t/bench/first.o t/bench/bench.o addr.o net.o
B_LINKS =	t/bench/links.o t/bench/bench.o addr.o die.o net.o run.o\
		link.o msg.o msg_table.o $(BASE)
B_LOAD =	t/bench/load.o t/bench/bench.o launch.o $(C_PLB) $(PROTO) $(IO)
B_REGAIN =	t/bench/regain.o t/bench/bench.o launch.o $(C_PLB) $(PROTO)\
		$(IO)
B_RELAY =	t/bench/relay.o t/bench/bench.o
B_SAMPLER =	t/bench/sampler.o t/bench/bench.o fenwick.o rng.o
B_MACHINE =	t/bench/machine.o t/bench/bench.o
B_SPAWN =	t/bench/spawn.o t/bench/bench.o

t/bench/codec.bench: $(B_CODEC)
	$(LINK) $(B_CODEC)
t/bench/discovery.bench: $(B_DISCOVERY)
	$(LINK) $(B_DISCOVERY)
t/bench/first.bench: $(B_FIRST)
	$(LINK) $(B_FIRST)
t/bench/links.bench: $(B_LINKS)
	$(LINK) $(B_LINKS)
t/bench/load.bench: $(B_LOAD)
	$(LINK) $(B_LOAD)
t/bench/regain.bench: $(B_REGAIN)
	$(LINK) $(B_REGAIN)
t/bench/relay.bench: $(B_RELAY)
	$(LINK) $(B_RELAY)
t/bench/sampler.bench: $(B_SAMPLER)
	$(LINK) $(B_SAMPLER)
t/bench/machine.bench: $(B_MACHINE)
	$(LINK) $(B_MACHINE)
t/bench/spawn.bench: $(B_SPAWN)
	$(LINK) $(B_SPAWN)

.SUFFIXES:
.SUFFIXES: .c .o

.c.o:
	$(CC) $(CPPFLAGS) $(CFLAGS) $(C99) -c -o $@ $<

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

deps:
	@CC='$(CC)' sh t/deps.sh -w

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
	rm -f *.o t/*.o t/arch/*.o t/bench/*.o t/fuzz/*.o t/virtual/*.o t/*.test\
	    $(BENCHES) $(HELPERS)\
	    $(PROGS)
	rm -rf t/log

.PHONY: all check unit sanitize valgrind tests soak benches bench lint deps install uninstall clean

# Header dependencies, as t/deps.sh writes and checks them; nothing follows.

acceptor.o: acceptor.h addr.h level.h log.h loop.h net.h slice.h
addr.o: addr.h fail.h slice.h
args.o: args.h msg.h slice.h tlv.h
asker.o: asker.h buf.h loop.h slice.h
attrs.o: attrs.h buf.h msg.h slice.h tlv.h
attrs_build.o: attrs.h buf.h fail.h msg.h slice.h tlv.h
authority.o: authority.h authority_state.h buf.h chain.h core.h exchange.h\
	fail.h gossip.h level.h map.h msg.h outbox.h scratch.h slice.h tlv.h
authority_module.o: authority.h authority_state.h buf.h chain.h core.h\
	exchange.h gossip.h hostport.h level.h map.h msg.h outbox.h rendezvous.h\
	scratch.h slice.h tlv.h
authority_report.o: authority.h authority_state.h buf.h chain.h core.h\
	exchange.h gossip.h level.h map.h msg.h outbox.h report.h scratch.h slice.h\
	tlv.h
authority_run.o: authority.h authority_state.h buf.h chain.h core.h\
	exchange.h fail.h gossip.h hostport.h level.h map.h msg.h outbox.h scratch.h\
	slice.h tlv.h
blocking.o: addr.h blocking.h net.h slice.h
bootstrap.o: addr.h bootstrap.h buf.h fail.h level.h map.h msg.h outbox.h\
	slice.h tlv.h
broker.o: broker.h broker_state.h buf.h chain.h core.h fail.h gossip.h\
	hostport.h level.h map.h msg.h outbox.h scratch.h slice.h tlv.h
broker_buy.o: broker.h broker_state.h buf.h chain.h core.h gossip.h level.h\
	map.h msg.h outbox.h scratch.h slice.h tlv.h
broker_contact.o: broker.h broker_state.h buf.h chain.h core.h gossip.h\
	hostport.h level.h map.h msg.h outbox.h scratch.h slice.h tlv.h
broker_fill.o: broker.h broker_state.h buf.h chain.h core.h gossip.h level.h\
	map.h msg.h outbox.h scratch.h slice.h tlv.h
broker_module.o: broker.h broker_state.h buf.h chain.h core.h fail.h gossip.h\
	hostport.h level.h map.h msg.h outbox.h scratch.h slice.h tlv.h
broker_order.o: broker.h broker_state.h buf.h chain.h core.h fail.h gossip.h\
	level.h map.h msg.h outbox.h scratch.h slice.h tlv.h
broker_report.o: broker.h broker_state.h buf.h chain.h core.h gossip.h\
	hostport.h level.h map.h msg.h outbox.h report.h scratch.h slice.h tlv.h
broker_sell.o: broker.h broker_state.h buf.h chain.h core.h gossip.h\
	hostport.h level.h map.h msg.h outbox.h scratch.h slice.h tlv.h
buf.o: buf.h fail.h slice.h
caller.o: addr.h buf.h caller.h caller_state.h chain.h conn.h core.h die.h\
	filter.h frame.h gate.h hub.h level.h link.h log.h loop.h map.h msg.h\
	outbox.h peers.h plb.h rng.h run.h sha256.h sink.h slice.h strangers.h tlv.h
caller_wait.o: addr.h attrs.h buf.h caller.h caller_state.h chain.h conn.h\
	core.h die.h filter.h frame.h gate.h hub.h level.h link.h log.h loop.h map.h\
	msg.h outbox.h peers.h plb.h rng.h run.h sha256.h sink.h slice.h strangers.h\
	tlv.h
channel.o: buf.h channel.h channel_core.h core.h crew.h fail.h frame.h\
	level.h msg.h outbox.h running.h slice.h tlv.h
channel_run.o: buf.h channel.h channel_core.h core.h crew.h frame.h level.h\
	msg.h outbox.h running.h slice.h tlv.h
children.o: addr.h children.h die.h launch.h level.h log.h loop.h msg.h net.h\
	run.h slice.h tlv.h
choose.o: buf.h chain.h choose.h class.h core.h exchange.h fenwick.h level.h\
	map.h market.h msg.h outbox.h queue.h reserve.h rng.h slice.h tlv.h
class.o: attrs.h buf.h chain.h class.h core.h exchange.h fail.h fenwick.h\
	level.h map.h msg.h outbox.h queue.h slice.h tlv.h
conn.o: addr.h buf.h conn.h fail.h loop.h net.h slice.h
contacts.o: buf.h contacts.h fail.h map.h slice.h
crew.o: crew.h
die.o: die.h escape.h
discovery.o: buf.h contacts.h discovery.h discovery_state.h epmd.h level.h\
	map.h msg.h outbox.h registry.h slice.h tlv.h
discovery_answer.o: buf.h contacts.h discovery.h discovery_state.h epmd.h\
	level.h map.h msg.h outbox.h registry.h slice.h tlv.h
discovery_io.o: acceptor.h addr.h buf.h conn.h contacts.h die.h discovery.h\
	discovery_io.h epmd.h fail.h level.h log.h loop.h map.h msg.h net.h outbox.h\
	registry.h slice.h tlv.h
dns.o: bigendian.h dns.h fail.h rng.h slice.h
door.o: acceptor.h addr.h buf.h chain.h conn.h core.h die.h door.h\
	door_state.h gate.h hub.h launch.h level.h link.h listener.h log.h loop.h\
	map.h msg.h net.h outbox.h peers.h program_file.h rng.h run.h sha256.h\
	slice.h strangers.h tether.h tlv.h
door_channel.o: acceptor.h addr.h buf.h chain.h conn.h core.h door.h\
	door_state.h fail.h gate.h hub.h launch.h level.h link.h listener.h log.h\
	loop.h map.h msg.h net.h outbox.h peers.h program_file.h rng.h roll.h run.h\
	sha256.h slice.h strangers.h tether.h tlv.h
edition.o: attrs.h buf.h die.h edition.h launch.h level.h log.h loop.h msg.h\
	offer.h program_file.h slice.h tlv.h trial.h
epmd.o: bigendian.h buf.h epmd.h fail.h slice.h
epmd_lookup.o: addr.h buf.h conn.h die.h epmd.h epmd_lookup.h level.h log.h\
	loop.h net.h opt.h slice.h
epmd_module.o: epmd_module.h
epmd_register.o: addr.h buf.h die.h epmd.h epmd_register.h level.h log.h\
	loop.h net.h opt.h slice.h
exchange.o: buf.h chain.h class.h core.h exchange.h exchange_state.h fail.h\
	fenwick.h level.h map.h market.h match.h msg.h notice.h outbox.h queue.h\
	reserve.h rng.h slice.h tlv.h
exchange_order.o: buf.h chain.h class.h core.h exchange.h exchange_state.h\
	fail.h fenwick.h level.h map.h market.h match.h msg.h notice.h outbox.h\
	queue.h reserve.h rng.h slice.h tlv.h
exchange_report.o: attrs.h buf.h chain.h class.h core.h exchange.h\
	exchange_state.h fenwick.h level.h map.h market.h msg.h outbox.h queue.h\
	report.h reserve.h rng.h scratch.h slice.h tlv.h
fenwick.o: fail.h fenwick.h
filter.o: buf.h filter.h frame.h msg.h slice.h tlv.h
frame.o: bigendian.h buf.h fail.h frame.h msg.h slice.h tlv.h
gate.o: gate.h slice.h
gossip.o: buf.h chain.h core.h gossip.h hostport.h level.h map.h msg.h\
	outbox.h scratch.h slice.h tlv.h
hold.o: fail.h fenwick.h hold.h msg.h pick.h requests.h rng.h slice.h tlv.h
hostport.o: hostport.h msg.h slice.h tlv.h
hub.o: acceptor.h addr.h buf.h chain.h conn.h core.h die.h gate.h hub.h\
	hub_link.h level.h link.h log.h loop.h map.h msg.h net.h outbox.h peers.h\
	rng.h run.h sha256.h slice.h strangers.h tlv.h
hub_link.o: addr.h buf.h chain.h conn.h core.h fail.h gate.h hub.h hub_link.h\
	level.h link.h log.h loop.h map.h msg.h net.h outbox.h peers.h rng.h run.h\
	sha256.h slice.h strangers.h tlv.h
lambda-authority.o: addr.h authority.h buf.h chain.h children.h conn.h core.h\
	die.h epmd_register.h gate.h hub.h launch.h level.h lines.h link.h log.h\
	loop.h map.h msg.h net.h opt.h outbox.h peers.h rng.h run.h sha256.h slice.h\
	strangers.h tlv.h
lambda-bootstrap.o: addr.h asker.h bootstrap.h buf.h die.h latest.h launch.h\
	level.h log.h loop.h map.h msg.h opt.h outbox.h resolve.h run.h sink.h\
	slice.h tlv.h
lambda-broker.o: addr.h broker.h buf.h chain.h conn.h core.h die.h gate.h\
	hub.h latest.h launch.h level.h lines.h link.h log.h loop.h map.h msg.h\
	net.h opt.h outbox.h peers.h rng.h run.h sha256.h sink.h slice.h strangers.h\
	tlv.h
lambda-call.o: addr.h attrs.h buf.h caller.h chain.h conn.h core.h die.h\
	filter.h frame.h gate.h hub.h launch.h level.h link.h log.h loop.h map.h\
	msg.h net.h opt.h outbox.h peers.h plb.h proxies.h rng.h run.h sha256.h\
	slice.h strangers.h tlv.h want.h
lambda-channel.o: addr.h buf.h chain.h channel.h conn.h core.h die.h frame.h\
	gate.h hub.h launch.h level.h link.h log.h loop.h map.h msg.h net.h opt.h\
	outbox.h peers.h program_file.h rng.h run.h sha256.h slice.h strangers.h\
	tether.h tlv.h ucspi.h workers.h
lambda-ctl.o: addr.h buf.h chain.h conn.h core.h die.h gate.h hub.h launch.h\
	level.h link.h log.h loop.h map.h msg.h opt.h outbox.h peers.h rng.h run.h\
	sha256.h slice.h strangers.h tlv.h
lambda-discovery.o: acceptor.h addr.h buf.h conn.h contacts.h die.h\
	discovery.h discovery_io.h epmd.h epmd_module.h launch.h level.h lines.h\
	log.h loop.h map.h msg.h net.h opt.h outbox.h registry.h replace.h run.h\
	slice.h tlv.h
lambda-exchange.o: addr.h buf.h chain.h conn.h core.h die.h exchange.h gate.h\
	hub.h launch.h level.h link.h log.h loop.h map.h msg.h net.h opt.h outbox.h\
	peers.h rng.h run.h sha256.h slice.h strangers.h tlv.h
lambda-listener.o: addr.h attrs.h buf.h chain.h conn.h core.h die.h door.h\
	edition.h epmd.h epmd_lookup.h frame.h gate.h hub.h launch.h level.h link.h\
	listener.h log.h loop.h map.h msg.h net.h offer.h opt.h outbox.h peers.h\
	program_file.h rng.h run.h sha256.h slice.h strangers.h tlv.h trial.h
lambda-plb.o: addr.h attrs.h buf.h chain.h conn.h core.h die.h gate.h hub.h\
	launch.h level.h link.h log.h loop.h map.h msg.h net.h opt.h outbox.h\
	peers.h plb.h proxies.h rng.h run.h sha256.h slice.h strangers.h tlv.h\
	want.h
lambda-solo.o: addr.h die.h launch.h loop.h net.h run.h slice.h
latest.o: addr.h buf.h die.h fail.h latest.h loop.h map.h run.h sink.h\
	slice.h
launch.o: die.h launch.h
lines.o: addr.h die.h level.h lines.h log.h loop.h slice.h
link.o: buf.h link.h msg.h sha256.h slice.h tlv.h
listener.o: attrs.h buf.h core.h fail.h level.h listener.h listener_state.h\
	map.h msg.h outbox.h slice.h tlv.h
listener_share.o: buf.h core.h level.h listener.h listener_state.h map.h\
	msg.h outbox.h slice.h tlv.h
log.o: die.h escape.h level.h log.h
loop.o: die.h loop.h loop_state.h signals.h
loop_timer.o: loop.h loop_state.h
loop_watch.o: loop.h loop_state.h
map.o: fail.h map.h slice.h
market.o: buf.h chain.h class.h core.h exchange.h fail.h fenwick.h level.h\
	map.h market.h match.h msg.h outbox.h queue.h reserve.h rng.h slice.h tlv.h
market_buy.o: buf.h chain.h class.h core.h exchange.h fenwick.h level.h map.h\
	market.h msg.h outbox.h queue.h reserve.h rng.h slice.h tlv.h
market_exclude.o: buf.h chain.h class.h core.h exchange.h fenwick.h level.h\
	map.h market.h msg.h outbox.h queue.h reserve.h rng.h slice.h tlv.h
match.o: buf.h chain.h choose.h class.h core.h exchange.h fenwick.h level.h\
	map.h market.h match.h msg.h outbox.h queue.h reserve.h rng.h slice.h tlv.h
msg.o: fail.h msg.h slice.h tlv.h
msg_table.o: msg.h slice.h tlv.h
net.o: addr.h fail.h net.h slice.h
notice.o: buf.h chain.h class.h core.h exchange.h fenwick.h level.h map.h\
	market.h msg.h notice.h outbox.h queue.h reserve.h rng.h slice.h tlv.h
offer.o: addr.h attrs.h buf.h launch.h msg.h offer.h opt.h program_file.h\
	sha256.h slice.h tlv.h
opt.o: addr.h buf.h die.h epmd.h msg.h opt.h slice.h tlv.h
outbox.o: buf.h fail.h level.h msg.h outbox.h slice.h tlv.h
peers.o: buf.h fail.h level.h map.h msg.h outbox.h peers.h rng.h slice.h\
	tlv.h
pick.o: attrs.h buf.h fail.h fenwick.h msg.h pick.h rng.h slice.h tlv.h
plb.o: attrs.h buf.h core.h fail.h fenwick.h hold.h level.h msg.h outbox.h\
	pick.h plb.h plb_core.h report.h requests.h rng.h scratch.h slice.h tlv.h
plb_buy.o: buf.h core.h fail.h fenwick.h hold.h level.h msg.h outbox.h pick.h\
	plb.h plb_core.h requests.h rng.h slice.h tlv.h
plb_channel.o: buf.h core.h fail.h fenwick.h hold.h level.h msg.h outbox.h\
	pick.h plb.h plb_core.h requests.h rng.h slice.h tlv.h
plb_client.o: buf.h core.h fail.h fenwick.h hold.h level.h msg.h outbox.h\
	pick.h plb.h plb_core.h requests.h rng.h slice.h tlv.h
plb_run.o: attrs.h buf.h core.h fenwick.h hold.h level.h msg.h outbox.h\
	pick.h plb.h plb_core.h requests.h rng.h slice.h tlv.h
plb_switch.o: attrs.h buf.h core.h fenwick.h hold.h level.h msg.h outbox.h\
	pick.h plb.h plb_core.h requests.h rng.h slice.h tlv.h
program_file.o: die.h launch.h program_file.h
proxies.o: addr.h attrs.h buf.h die.h fail.h launch.h level.h log.h msg.h\
	proxies.h run.h slice.h tlv.h
queue.o: chain.h fail.h queue.h
registry.o: buf.h epmd.h map.h registry.h slice.h
rendezvous.o: map.h msg.h rendezvous.h slice.h tlv.h
replace.o: fail.h replace.h slice.h
report.o: buf.h escape.h level.h msg.h outbox.h report.h scratch.h slice.h\
	tlv.h
requests.o: fail.h msg.h requests.h slice.h tlv.h
reserve.o: chain.h reserve.h
resolvconf.o: addr.h dns.h resolvconf.h rng.h slice.h
resolve.o: addr.h bootstrap.h buf.h dns.h level.h msg.h outbox.h resolve.h\
	rng.h run.h slice.h tlv.h
resolve_epmd.o: addr.h blocking.h bootstrap.h buf.h epmd.h fail.h level.h\
	msg.h opt.h outbox.h resolve.h slice.h tlv.h
resolve_srv.o: addr.h bigendian.h blocking.h dns.h resolvconf.h resolve.h\
	rng.h run.h slice.h
rng.o: rng.h
roll.o: roll.h
run.o: addr.h die.h net.h run.h slice.h
running.o: fail.h running.h
scratch.o: fail.h msg.h scratch.h slice.h tlv.h
sha256.o: sha256.h
signals.o: die.h loop.h signals.h
sink.o: buf.h loop.h sink.h slice.h
strangers.o: slice.h strangers.h
tether.o: addr.h die.h level.h log.h net.h roll.h slice.h tether.h
tlv.o: fail.h slice.h tlv.h
trial.o: buf.h launch.h loop.h msg.h slice.h tlv.h trial.h worker.h
ucspi.o: ucspi.h
want.o: addr.h attrs.h buf.h die.h fail.h msg.h opt.h slice.h tlv.h want.h
worker.o: buf.h fail.h launch.h loop.h msg.h slice.h tlv.h worker.h
workers.o: addr.h args.h buf.h chain.h channel.h conn.h core.h die.h frame.h\
	gate.h hub.h launch.h level.h link.h log.h loop.h map.h msg.h outbox.h\
	peers.h rng.h roll.h run.h sha256.h slice.h strangers.h tlv.h worker.h\
	workers.h
t/acceptor.o: acceptor.h addr.h loop.h net.h slice.h t/still.h t/turns.h
t/action.o: buf.h channel.h core.h frame.h level.h listener.h msg.h outbox.h\
	plb.h slice.h t/action.h t/asked.h t/check.h t/dealer.h t/hands.h t/house.h\
	t/street.h t/tally.h tlv.h
t/activate.o: addr.h die.h net.h slice.h
t/addr.o: addr.h slice.h
t/asked.o: msg.h slice.h t/asked.h t/check.h t/tally.h tlv.h
t/attrs.o: attrs.h buf.h msg.h slice.h tlv.h
t/authority.o: authority.h authority_state.h buf.h chain.h core.h exchange.h\
	gossip.h level.h map.h msg.h outbox.h scratch.h slice.h t/drive.h t/office.h\
	tlv.h
t/authority_peers.o: authority.h authority_state.h buf.h chain.h core.h\
	exchange.h gossip.h level.h map.h msg.h outbox.h rendezvous.h scratch.h\
	slice.h t/drive.h t/office.h tlv.h
t/book.o: buf.h level.h map.h msg.h outbox.h peers.h rng.h slice.h t/book.h\
	tlv.h
t/bootstrap.o: bootstrap.h buf.h level.h msg.h outbox.h slice.h tlv.h
t/broker.o: broker.h broker_state.h buf.h chain.h core.h gossip.h level.h\
	map.h msg.h outbox.h scratch.h slice.h t/drive.h t/shop.h tlv.h
t/broker_buy.o: broker.h broker_state.h buf.h chain.h core.h gossip.h level.h\
	map.h msg.h outbox.h scratch.h slice.h t/drive.h t/shop.h tlv.h
t/broker_sell.o: broker.h buf.h core.h level.h msg.h outbox.h scratch.h\
	slice.h t/drive.h t/shop.h tlv.h
t/buf.o: buf.h slice.h
t/calm.o: buf.h channel.h core.h frame.h level.h listener.h msg.h outbox.h\
	plb.h slice.h t/action.h t/asked.h t/calm.h t/check.h t/dealer.h t/house.h\
	t/street.h t/tally.h tlv.h
t/channel.o: buf.h channel.h core.h frame.h level.h msg.h outbox.h slice.h\
	t/parties.h tlv.h
t/channel_end.o: buf.h channel.h core.h frame.h level.h msg.h outbox.h\
	slice.h t/parties.h tlv.h
t/channel_run.o: buf.h channel.h core.h crew.h frame.h level.h msg.h outbox.h\
	slice.h t/parties.h tlv.h
t/chaos.o: buf.h core.h fenwick.h hold.h level.h msg.h outbox.h pick.h plb.h\
	plb_core.h requests.h rng.h slice.h t/chaos.h tlv.h
t/conn.o: addr.h buf.h conn.h loop.h slice.h t/owner.h t/turns.h
t/conn_end.o: addr.h buf.h conn.h loop.h net.h slice.h t/owner.h t/turns.h
t/contacts.o: buf.h contacts.h discovery.h epmd.h level.h log.h map.h msg.h\
	outbox.h registry.h slice.h t/directory.h tlv.h
t/credit.o: buf.h channel.h core.h frame.h level.h listener.h msg.h outbox.h\
	plb.h slice.h t/action.h t/asked.h t/calm.h t/check.h t/dealer.h t/house.h\
	t/street.h t/tally.h tlv.h
t/crew.o: crew.h
t/dealer.o: buf.h core.h exchange.h level.h msg.h outbox.h slice.h t/check.h\
	t/dealer.h t/tally.h tlv.h
t/directory.o: buf.h contacts.h discovery.h epmd.h level.h log.h map.h msg.h\
	outbox.h registry.h slice.h t/directory.h tlv.h
t/discovery.o: buf.h contacts.h discovery.h epmd.h level.h log.h map.h msg.h\
	outbox.h registry.h slice.h t/directory.h tlv.h
t/discovery_answer.o: buf.h contacts.h discovery.h epmd.h level.h log.h map.h\
	msg.h outbox.h registry.h slice.h t/directory.h tlv.h
t/discovery_io.o: acceptor.h addr.h buf.h conn.h contacts.h discovery.h\
	discovery_io.h epmd.h level.h log.h loop.h map.h msg.h net.h outbox.h\
	registry.h slice.h t/still.h t/turns.h tlv.h
t/dns.o: dns.h rng.h slice.h
t/drive.o: buf.h core.h level.h msg.h outbox.h slice.h t/drive.h tlv.h
t/ends.o: buf.h link.h msg.h sha256.h slice.h t/ends.h tlv.h
t/epmd.o: buf.h epmd.h map.h registry.h slice.h
t/epmdtalk.o: addr.h buf.h epmd.h slice.h t/talk.h
t/exchange.o: attrs.h buf.h core.h exchange.h level.h msg.h outbox.h slice.h\
	t/floor.h tlv.h
t/fake.o: attrs.h buf.h core.h level.h msg.h outbox.h plb.h slice.h t/drive.h\
	t/fake.h tlv.h
t/fenwick.o: fenwick.h rng.h
t/field.o: msg.h slice.h t/sample.h tlv.h
t/filter.o: buf.h filter.h frame.h msg.h rng.h slice.h tlv.h
t/floor.o: attrs.h buf.h core.h exchange.h level.h msg.h outbox.h slice.h\
	t/floor.h tlv.h
t/frame.o: buf.h frame.h msg.h slice.h tlv.h
t/gate.o: gate.h slice.h
t/golden.o: msg.h slice.h t/golden.h tlv.h
t/hands.o: buf.h channel.h core.h frame.h level.h msg.h outbox.h slice.h\
	t/check.h t/hands.h t/tally.h tlv.h
t/hex.o: msg.h slice.h t/hex.h tlv.h
t/hold.o: fenwick.h hold.h msg.h pick.h requests.h rng.h slice.h tlv.h
t/hostport.o: hostport.h msg.h slice.h tlv.h
t/house.o: buf.h channel.h core.h frame.h level.h listener.h msg.h outbox.h\
	plb.h slice.h t/check.h t/house.h t/tally.h tlv.h
t/hub.o: addr.h buf.h chain.h conn.h core.h die.h gate.h hub.h level.h link.h\
	loop.h map.h msg.h net.h outbox.h peers.h rng.h run.h sha256.h slice.h\
	strangers.h t/still.h t/turns.h tlv.h
t/latest.o: buf.h latest.h loop.h map.h sink.h slice.h
t/launch.o: launch.h
t/lines.o: addr.h lines.h loop.h slice.h
t/link.o: buf.h link.h msg.h sha256.h slice.h t/ends.h tlv.h
t/link_frame.o: buf.h link.h msg.h sha256.h slice.h t/ends.h tlv.h
t/link_time.o: buf.h link.h msg.h sha256.h slice.h t/ends.h tlv.h
t/listen.o: addr.h die.h net.h slice.h
t/listener.o: buf.h core.h level.h listener.h msg.h outbox.h slice.h\
	t/stall.h tlv.h
t/listener_share.o: attrs.h buf.h core.h level.h listener.h msg.h outbox.h\
	slice.h t/stall.h tlv.h
t/log.o: die.h level.h log.h
t/loop.o: loop.h rng.h t/turns.h
t/loop_watch.o: loop.h rng.h t/turns.h
t/map.o: map.h rng.h slice.h
t/match.o: attrs.h buf.h core.h exchange.h level.h msg.h outbox.h slice.h\
	t/floor.h tlv.h
t/model.o: buf.h core.h exchange.h level.h msg.h outbox.h rng.h slice.h\
	t/world.h tlv.h
t/msg.o: msg.h slice.h t/sample.h tlv.h
t/net.o: addr.h net.h slice.h t/hang.h
t/net_start.o: addr.h net.h slice.h t/hang.h
t/notice.o: attrs.h buf.h core.h exchange.h level.h msg.h outbox.h slice.h\
	t/floor.h tlv.h
t/offer.o: attrs.h buf.h launch.h msg.h offer.h program_file.h slice.h tlv.h
t/office.o: authority.h buf.h core.h level.h msg.h outbox.h scratch.h slice.h\
	t/drive.h t/office.h tlv.h
t/outbox.o: buf.h level.h msg.h outbox.h slice.h tlv.h
t/owner.o: addr.h buf.h conn.h loop.h net.h slice.h t/owner.h t/turns.h
t/parties.o: buf.h channel.h core.h frame.h level.h msg.h outbox.h slice.h\
	t/parties.h tlv.h
t/peers.o: buf.h level.h map.h msg.h outbox.h peers.h rng.h slice.h t/book.h\
	tlv.h
t/peers_link.o: buf.h level.h map.h msg.h outbox.h peers.h rng.h slice.h\
	t/book.h tlv.h
t/pick.o: attrs.h buf.h fenwick.h msg.h pick.h rng.h slice.h tlv.h
t/plb.o: attrs.h buf.h core.h level.h msg.h outbox.h plb.h slice.h t/drive.h\
	t/fake.h tlv.h
t/plb_again.o: buf.h core.h level.h msg.h outbox.h plb.h slice.h t/drive.h\
	t/fake.h tlv.h
t/plb_channel.o: attrs.h buf.h core.h level.h msg.h outbox.h plb.h slice.h\
	t/drive.h t/fake.h tlv.h
t/plb_chaos.o: buf.h core.h fenwick.h hold.h level.h msg.h outbox.h pick.h\
	plb.h plb_core.h requests.h rng.h slice.h t/chaos.h tlv.h
t/plb_client.o: buf.h core.h level.h msg.h outbox.h plb.h slice.h t/drive.h\
	t/fake.h tlv.h
t/plb_end.o: buf.h core.h level.h msg.h outbox.h plb.h slice.h t/drive.h\
	t/fake.h tlv.h
t/plb_run.o: buf.h core.h level.h msg.h outbox.h plb.h slice.h t/drive.h\
	t/fake.h tlv.h
t/plb_switch.o: attrs.h buf.h core.h level.h msg.h outbox.h plb.h slice.h\
	t/drive.h t/fake.h tlv.h
t/proxies.o: addr.h attrs.h buf.h die.h msg.h proxies.h slice.h tlv.h
t/puppet.o: addr.h buf.h chain.h conn.h core.h die.h gate.h hub.h launch.h\
	level.h lines.h link.h log.h loop.h map.h msg.h net.h opt.h outbox.h peers.h\
	rng.h run.h sha256.h slice.h strangers.h tlv.h
t/replace.o: replace.h slice.h
t/report.o: buf.h level.h msg.h outbox.h report.h scratch.h slice.h tlv.h
t/requests.o: msg.h requests.h slice.h tlv.h
t/resolvconf.o: addr.h dns.h resolvconf.h rng.h slice.h
t/rng.o: rng.h
t/roll.o: roll.h
t/rows.o: addr.h broker.h buf.h chain.h channel.h conn.h core.h exchange.h\
	frame.h gate.h hub.h level.h link.h loop.h map.h msg.h outbox.h peers.h\
	plb.h rng.h run.h running.h sha256.h slice.h strangers.h tlv.h
t/run.o: addr.h run.h slice.h t/hang.h
t/running.o: running.h
t/sample.o: msg.h rng.h slice.h t/sample.h tlv.h
t/sha256.o: sha256.h
t/shop.o: broker.h buf.h core.h level.h msg.h outbox.h scratch.h slice.h\
	t/drive.h t/shop.h tlv.h
t/sim.o: bigendian.h buf.h channel.h core.h frame.h level.h link.h map.h\
	msg.h outbox.h peers.h rng.h sha256.h slice.h t/virtual/event.h\
	t/virtual/net.h t/virtual/proc.h t/virtual/sim.h tlv.h
t/sink.o: buf.h loop.h sink.h slice.h t/turns.h
t/stall.o: buf.h core.h level.h listener.h msg.h outbox.h slice.h t/stall.h\
	tlv.h
t/still.o: loop.h t/still.h t/turns.h
t/stranger.o: addr.h die.h level.h log.h msg.h net.h slice.h tlv.h
t/strangers.o: slice.h strangers.h
t/street.o: buf.h channel.h core.h frame.h level.h listener.h msg.h outbox.h\
	plb.h slice.h t/asked.h t/check.h t/dealer.h t/hands.h t/house.h t/street.h\
	t/tally.h tlv.h
t/talk.o: addr.h buf.h epmd.h slice.h t/talk.h
t/tally.o: buf.h channel.h core.h frame.h level.h msg.h outbox.h slice.h\
	t/asked.h t/check.h t/tally.h tlv.h
t/tlv.o: slice.h tlv.h
t/trial.o: launch.h loop.h t/still.h t/turns.h trial.h
t/turns.o: loop.h loop_state.h t/hang.h t/turns.h
t/wire.o: msg.h slice.h t/golden.h t/hex.h t/sample.h tlv.h
t/worker.o: buf.h launch.h loop.h msg.h slice.h t/still.h t/turns.h tlv.h\
	worker.h
t/world.o: attrs.h buf.h core.h exchange.h level.h msg.h outbox.h slice.h\
	t/world.h tlv.h
t/bench/bench.o: t/bench/bench.h
t/bench/codec.o: msg.h slice.h t/bench/bench.h tlv.h
t/bench/discovery.o: buf.h epmd.h slice.h t/bench/bench.h
t/bench/exchange.o: buf.h core.h exchange.h level.h msg.h outbox.h slice.h\
	tlv.h
t/bench/first.o: addr.h net.h slice.h t/bench/bench.h
t/bench/links.o: addr.h buf.h link.h msg.h net.h run.h sha256.h slice.h\
	t/bench/bench.h tlv.h
t/bench/load.o: addr.h buf.h chain.h conn.h core.h die.h gate.h hub.h\
	launch.h level.h link.h loop.h map.h msg.h outbox.h peers.h plb.h rng.h\
	run.h sha256.h slice.h strangers.h t/bench/bench.h tlv.h
t/bench/loop.o: addr.h buf.h conn.h die.h loop.h net.h slice.h
t/bench/machine.o: t/bench/bench.h
t/bench/plb.o: attrs.h buf.h core.h level.h msg.h outbox.h plb.h slice.h\
	tlv.h
t/bench/regain.o: addr.h buf.h chain.h conn.h core.h die.h gate.h hub.h\
	launch.h level.h link.h loop.h map.h msg.h outbox.h peers.h plb.h rng.h\
	run.h sha256.h slice.h strangers.h t/bench/bench.h tlv.h
t/bench/relay.o: t/bench/bench.h
t/bench/sampler.o: fenwick.h rng.h t/bench/bench.h
t/bench/spawn.o: t/bench/bench.h
t/fuzz/fuzz_dns.o: dns.h rng.h slice.h t/fuzz/fuzz.h
t/fuzz/fuzz_link.o: buf.h link.h msg.h sha256.h slice.h t/fuzz/fuzz.h tlv.h
t/fuzz/fuzz_msg.o: msg.h slice.h t/fuzz/fuzz.h tlv.h
t/fuzz/main.o: msg.h slice.h t/fuzz/fuzz.h t/hex.h tlv.h
t/virtual/agent.o: broker.h broker_state.h buf.h chain.h channel.h core.h\
	frame.h gossip.h level.h link.h map.h msg.h outbox.h peers.h rng.h scratch.h\
	sha256.h slice.h t/virtual/event.h t/virtual/net.h t/virtual/proc.h\
	t/virtual/sim.h tlv.h
t/virtual/census.o: buf.h channel.h core.h frame.h level.h link.h map.h msg.h\
	outbox.h peers.h rng.h sha256.h slice.h t/virtual/census.h t/virtual/event.h\
	t/virtual/net.h t/virtual/proc.h t/virtual/sim.h tlv.h
t/virtual/check.o: buf.h channel.h core.h fenwick.h frame.h hold.h level.h\
	link.h map.h msg.h outbox.h peers.h pick.h plb.h plb_core.h requests.h rng.h\
	sha256.h slice.h t/virtual/event.h t/virtual/net.h t/virtual/proc.h\
	t/virtual/sim.h tlv.h
t/virtual/entry.o: addr.h attrs.h buf.h chain.h channel.h conn.h core.h\
	door.h frame.h gate.h hub.h launch.h level.h link.h listener.h loop.h map.h\
	msg.h outbox.h peers.h program_file.h rng.h run.h sha256.h slice.h\
	strangers.h t/virtual/event.h t/virtual/net.h t/virtual/proc.h\
	t/virtual/sim.h tlv.h
t/virtual/event.o: t/virtual/event.h
t/virtual/fault.o: buf.h channel.h core.h frame.h level.h link.h listener.h\
	map.h msg.h outbox.h peers.h plb.h rng.h sha256.h slice.h t/virtual/event.h\
	t/virtual/net.h t/virtual/proc.h t/virtual/sim.h tlv.h
t/virtual/ledger.o: attrs.h buf.h chain.h channel.h class.h core.h exchange.h\
	exchange_state.h fenwick.h frame.h hold.h level.h link.h listener.h map.h\
	market.h msg.h outbox.h peers.h pick.h plb.h plb_core.h queue.h requests.h\
	reserve.h rng.h sha256.h slice.h t/virtual/census.h t/virtual/event.h\
	t/virtual/net.h t/virtual/proc.h t/virtual/sim.h tlv.h
t/virtual/load.o: bigendian.h buf.h channel.h core.h frame.h level.h link.h\
	map.h msg.h outbox.h peers.h plb.h rng.h sha256.h slice.h t/virtual/event.h\
	t/virtual/net.h t/virtual/proc.h t/virtual/sim.h tlv.h
t/virtual/net.o: bigendian.h buf.h map.h rng.h slice.h t/virtual/event.h\
	t/virtual/net.h
t/virtual/placing.o: authority.h authority_state.h buf.h chain.h channel.h\
	core.h exchange.h frame.h gossip.h level.h link.h map.h msg.h outbox.h\
	peers.h rendezvous.h rng.h scratch.h sha256.h slice.h t/virtual/event.h\
	t/virtual/net.h t/virtual/proc.h t/virtual/sim.h tlv.h
t/virtual/plan.o: attrs.h buf.h channel.h core.h frame.h level.h link.h map.h\
	msg.h outbox.h peers.h rng.h sha256.h slice.h t/virtual/event.h\
	t/virtual/net.h t/virtual/proc.h t/virtual/sim.h tlv.h
t/virtual/proc.o: buf.h channel.h core.h frame.h level.h link.h map.h msg.h\
	outbox.h peers.h rng.h sha256.h slice.h t/virtual/event.h t/virtual/net.h\
	t/virtual/proc.h t/virtual/sim.h tlv.h
t/virtual/role.o: authority.h broker.h buf.h channel.h core.h exchange.h\
	frame.h level.h link.h map.h msg.h outbox.h peers.h plb.h rng.h sha256.h\
	slice.h t/virtual/event.h t/virtual/net.h t/virtual/proc.h t/virtual/sim.h\
	tlv.h
t/virtual/settle.o: buf.h channel.h core.h frame.h level.h link.h map.h msg.h\
	outbox.h peers.h rendezvous.h rng.h sha256.h slice.h t/virtual/census.h\
	t/virtual/event.h t/virtual/net.h t/virtual/proc.h t/virtual/sim.h tlv.h
t/virtual/staff.o: buf.h channel.h core.h frame.h level.h link.h map.h msg.h\
	outbox.h peers.h rng.h sha256.h slice.h t/virtual/event.h t/virtual/net.h\
	t/virtual/proc.h t/virtual/sim.h tlv.h
t/virtual/tie.o: buf.h channel.h core.h frame.h level.h link.h map.h msg.h\
	outbox.h peers.h rng.h sha256.h slice.h t/virtual/event.h t/virtual/net.h\
	t/virtual/proc.h t/virtual/sim.h tlv.h
t/virtual/trade.o: buf.h chain.h channel.h class.h core.h exchange.h\
	exchange_state.h fenwick.h frame.h hold.h level.h link.h listener.h\
	listener_state.h map.h market.h msg.h outbox.h peers.h pick.h plb.h\
	plb_core.h queue.h requests.h reserve.h rng.h sha256.h slice.h\
	t/virtual/census.h t/virtual/event.h t/virtual/net.h t/virtual/proc.h\
	t/virtual/sim.h tlv.h
t/virtual/world.o: buf.h channel.h core.h frame.h level.h link.h map.h msg.h\
	outbox.h peers.h rng.h sha256.h slice.h t/virtual/census.h t/virtual/event.h\
	t/virtual/net.h t/virtual/proc.h t/virtual/sim.h tlv.h
