#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authority_process.h"
#include "die.h"
#include "program.h"
#include "log.h"
#include "msg.h"
#include "net.h"
#include "env.h"

#define KILL_MS	    5000
#define OPTIONS_MAX 8

struct child {
	struct children *all;
	struct child *next;
	uint32_t tag;
	pid_t pid;
	struct timer kill;
	int killed; /* by us */
	char module[NAME_BYTES_MAX + 1];
};

void
children_init(struct children *c)
{
	c->head = NULL;
	c->program = env_sibling("lambda-exchange");
	c->env = program_environ(PROGRAM_OWN, NULL);
	c->null = open("/dev/null", O_RDWR);
	if (c->env == NULL || c->null == -1 ||
	    fcntl(c->null, F_SETFD, FD_CLOEXEC) == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
}

void
children_free(struct children *c)
{
	struct child *ch;

	while ((ch = c->head) != NULL) {
		c->head = ch->next;
		loop_untimer(c->loop, &ch->kill);
		free(ch);
	}
	close(c->null);
	free(c->program);
	free(c->env);
}

static void
report(const struct child *ch, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		log_debug("the exchange for %s has ended", ch->module);
	else if (WIFEXITED(status))
		log_error("the exchange for %s has ended: exit %d", ch->module,
		    WEXITSTATUS(status));
	else if (!ch->killed)
		log_error("the exchange for %s has ended: signal %d",
		    ch->module, WTERMSIG(status));
}

static void
on_ended(void *arg, pid_t pid, int status)
{
	struct child *ch = arg, **link;
	struct children *c = ch->all;
	uint32_t tag = ch->tag;

	(void)pid;
	report(ch, status);
	loop_untimer(c->loop, &ch->kill);
	for (link = &c->head; *link != ch; link = &(*link)->next)
		;
	*link = ch->next;
	free(ch);
	c->ended(c->arg, tag);
}

static void
on_kill(void *arg)
{
	struct child *ch = arg;

	kill(ch->pid, SIGKILL);
}

static struct child *
child_new(struct children *c, uint32_t tag, struct slice module)
{
	struct child *ch = calloc(1, sizeof(*ch));

	if (ch == NULL || module.len > NAME_BYTES_MAX) {
		free(ch);
		return NULL;
	}
	ch->all = c;
	ch->tag = tag;
	ch->kill.fn = on_kill;
	ch->kill.arg = ch;
	memcpy(ch->module, module.p, module.len);
	return ch;
}

/* With -- before the module: its name comes from elsewhere. */
static pid_t
spawn(const struct children *c, int fd, char *module)
{
	char *argv[OPTIONS_MAX + 4];
	static char dashes[] = "--";
	struct program_start l;
	size_t i, n = 0;

	argv[n++] = c->program;
	for (i = 0; i < OPTIONS_MAX && c->options[i] != NULL; i++)
		argv[n++] = c->options[i];
	argv[n++] = dashes;
	argv[n++] = module;
	argv[n] = NULL;
	program_init(&l, argv, c->env);
	l.in = fd;
	l.out = c->null;
	return program_start(&l);
}

int
children_start(struct children *c, uint32_t tag, struct slice module,
    struct addr *bound)
{
	struct child *ch = child_new(c, tag, module);
	struct addr a = c->address;
	int fd = -1;

	addr_set_port(&a, 0);
	if (ch == NULL || (fd = net_listen(&a, bound)) == -1 ||
	    (ch->pid = spawn(c, fd, ch->module)) == -1) {
		log_error("unable to start an exchange for %.*s: %s",
		    SLICE_ARG(module), strerror(errno));
		if (fd != -1)
			close(fd);
		free(ch);
		return -1;
	}
	close(fd);
	ch->next = c->head;
	c->head = ch;
	if (loop_child(c->loop, ch->pid, on_ended, ch) == -1) {
		/* Nobody would see it end. */
		kill(ch->pid, SIGKILL);
		c->head = ch->next;
		free(ch);
		return -1;
	}
	return 0;
}

static void
child_kill(struct child *ch)
{
	if (ch->killed)
		return;
	ch->killed = 1;
	kill(ch->pid, SIGTERM);
	loop_timer(ch->all->loop, &ch->kill,
	    loop_now(ch->all->loop) + KILL_MS);
}

void
children_kill(struct children *c, uint32_t tag)
{
	struct child *ch;

	for (ch = c->head; ch != NULL; ch = ch->next)
		if (ch->tag == tag)
			child_kill(ch);
}

void
children_kill_all(struct children *c)
{
	struct child *ch;

	for (ch = c->head; ch != NULL; ch = ch->next)
		child_kill(ch);
}

int
children_any(const struct children *c)
{
	return c->head != NULL;
}
