#include <sys/wait.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authority_process.h"
#include "child.h"
#include "die.h"
#include "env.h"
#include "log.h"
#include "net.h"

#define OPTIONS_MAX 8

struct authority_process {
	struct child child;
	struct authority_processes *all;
	struct chain link;
	uint32_t tag;
	char module[NAME_BYTES_MAX + 1];
};

/* The one after p, the first after NULL; NULL after the last. */
static struct authority_process *
authority_process_next(const struct authority_processes *all,
    const struct authority_process *p)
{
	return CHAIN_NEXT(&all->chain, p, struct authority_process, link);
}

void
authority_process_init(struct authority_processes *all)
{
	chain_init(&all->chain);
	all->program = env_sibling("lambda-exchange");
	all->env = program_environ(PROGRAM_OWN, NULL);
	if (all->env == NULL || program_null() == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
}

static void
authority_process_forget(struct authority_process *p)
{
	chain_remove(&p->link);
	child_free(&p->child);
	free(p);
}

void
authority_process_free(struct authority_processes *all)
{
	struct authority_process *p;

	while ((p = authority_process_next(all, NULL)) != NULL)
		authority_process_forget(p);
	free(all->program);
	free(all->env);
}

static void
authority_process_ended(struct child *c)
{
	struct authority_process *p = c->arg;
	struct authority_processes *all = p->all;
	uint32_t tag = p->tag;

	if (WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0)
		log_debug("the exchange for %s has ended", p->module);
	else if (WIFEXITED(c->status))
		log_error("the exchange for %s has ended: exit %d", p->module,
		    WEXITSTATUS(c->status));
	else if (!c->signalled)
		log_error("the exchange for %s has ended: signal %d",
		    p->module, WTERMSIG(c->status));
	authority_process_forget(p);
	all->ended(all->arg, tag);
}

/* With -- before the module: its name comes from elsewhere. */
static int
authority_process_run(struct authority_process *p, int fd)
{
	static const struct child_ops ops = { NULL, NULL,
		authority_process_ended };
	static char dashes[] = "--";
	char *argv[OPTIONS_MAX + 4];
	struct program_start s;
	size_t i, n = 0;

	argv[n++] = p->all->program;
	for (i = 0; i < OPTIONS_MAX && p->all->options[i] != NULL; i++)
		argv[n++] = p->all->options[i];
	argv[n++] = dashes;
	argv[n++] = p->module;
	argv[n] = NULL;
	program_init(&s, argv, p->all->env);
	s.in = fd;
	s.out = program_null();
	p->child.ops = &ops;
	p->child.arg = p;
	return child_start(&p->child, p->all->loop, &s, 0, slice_of(NULL, 0));
}

int
authority_process_start(struct authority_processes *all, uint32_t tag,
    struct slice module, struct addr *bound)
{
	struct authority_process *p = calloc(1, sizeof(*p));
	struct addr a = all->address;
	int fd = -1, result = -1;

	addr_set_port(&a, 0);
	if (p != NULL && module.len < sizeof(p->module) &&
	    (fd = net_listen(&a, bound)) != -1) {
		p->all = all;
		p->tag = tag;
		memcpy(p->module, module.p, module.len);
		result = authority_process_run(p, fd);
	}
	if (result == 0) {
		chain_append(&all->chain, &p->link);
	} else {
		log_error("unable to start an exchange for %.*s: %s",
		    SLICE_ARG(module), strerror(errno));
		free(p);
	}
	if (fd != -1)
		close(fd);
	return result;
}

void
authority_process_kill(struct authority_processes *all, uint32_t tag)
{
	struct authority_process *p = NULL;

	while ((p = authority_process_next(all, p)) != NULL)
		if (p->tag == tag)
			child_kill(&p->child, CHILD_KILL_MS);
}

void
authority_process_kill_all(struct authority_processes *all)
{
	struct authority_process *p = NULL;

	while ((p = authority_process_next(all, p)) != NULL)
		child_kill(&p->child, CHILD_KILL_MS);
}

int
authority_process_any(const struct authority_processes *all)
{
	return !chain_empty(&all->chain);
}
