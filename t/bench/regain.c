/*
 * How long capacity is missing when a seller dies: holds all tokens of one
 * listener, kills it, and looks when it holds as many of another. A broker must
 * run in LAMBDA_RUN. Prints regain, the median over ROUNDS of the time from
 * SIGKILL, in ms.
 *
 *	regain ROUNDS
 */

#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

#include "log.h"
#include "hub.h"
#include "program.h"
#include "plb.h"
#include "t/bench/bench.h"

#define ROUNDS_MAX 64
#define WANTED	   8
#define GIVE_UP_MS 15000
#define SETTLE_MS  300 /* for the new seller to be on offer */

static struct loop *loop;
static struct hub hub;
static struct plb *plb;
static struct timer settle, limit;
static pid_t seller[2];
static double killed;
static double took[ROUNDS_MAX];
static size_t rounds, finished;

static pid_t
start_seller(void)
{
	pid_t pid = fork();

	if (pid == -1)
		bench_fail("unable to fork");
	if (pid > 0)
		return pid;
	loop_forked();
	execlp("lambda-listener", "lambda-listener", "-q", "-c", "8", "-w",
	    "line", "regain", "cat", (char *)NULL);
	_exit(111);
}

static void
on_settled(void *arg)
{
	(void)arg;
	killed = bench_seconds();
	kill(seller[finished % 2], SIGKILL);
	waitpid(seller[finished % 2], NULL, 0);
}

static void
on_limit(void *arg)
{
	(void)arg;
	if (killed == 0 && seller[finished % 2] > 0)
		kill(seller[finished % 2], SIGTERM);
	if (seller[(finished + 1) % 2] > 0)
		kill(seller[(finished + 1) % 2], SIGTERM);
	bench_fail("the capacity is not held in time");
}

/* All is held of one seller, for the first time or again. Then there is to be
 * another, which has all when that one is killed. */
static void
held(void)
{
	if (killed > 0)
		took[finished++] = (bench_seconds() - killed) * 1e3;
	if (finished == rounds) {
		loop_stop(loop);
		return;
	}
	killed = 0;
	seller[(finished + 1) % 2] = start_seller();
	loop_timer(loop, &settle, loop_now(loop) + SETTLE_MS);
	loop_timer(loop, &limit, loop_now(loop) + GIVE_UP_MS);
}

static void
on_act(void *arg, const struct act *a)
{
	struct plb_view v;

	(void)arg;
	if (a->kind != PLB_ROOM)
		return;
	plb_look(plb, &v);
	if (v.tokens == WANTED && settle.slot == 0)
		held();
}

static void
start(void)
{
	static struct key key;
	struct plb_config config = { .capacity = WANTED, .wanted = WANTED };
	char address[ADDR_TEXT_MAX];
	struct addr broker;

	env_key(&key, NULL);
	loop = loop_new();
	hub_init(&hub, loop, ROLE_PLB, &key);
	config.module = slice_str("regain");
	if ((plb = plb_new(1, &config)) == NULL)
		bench_fail("out of memory");
	hub.act = on_act;
	settle.fn = on_settled;
	limit.fn = on_limit;
	hub_core(&hub, &plb_ops, plb, plb_out(plb));
	env_broker_socket(&broker, NULL);
	addr_print(&broker, address);
	hub_dial(&hub, slice_str(address), DIAL_FOREVER, 0);
	loop_timer(loop, &limit, loop_now(loop) + GIVE_UP_MS);
}

int
main(int argc, char **argv)
{
	pid_t last;

	die_name(argv[0]);
	if (argc != 2 || (rounds = bench_number(argv[1])) > ROUNDS_MAX)
		bench_fail("regain ROUNDS");
	program_reserve();
	start();
	seller[0] = start_seller();
	loop_run(loop);
	last = seller[finished % 2];
	kill(last, SIGTERM);
	waitpid(last, NULL, 0);
	bench_print("regain", bench_median(took, rounds));
	return 0;
}
