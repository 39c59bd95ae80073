#ifndef LISTENER_ACCEPTOR_STATE_H
#define LISTENER_ACCEPTOR_STATE_H

/*
 * What the two halves of the listener's door share: listener_acceptor.c has who may come in,
 * and when; listener_session.c has the channel of one who did, from its start until
 * nothing of it is left.
 */

#include "acceptor.h"
#include "listener_acceptor.h"
#include "preauth.h"
#include "program.h"
#include "channel_tether.h"

/* A connection until its channel is started, then that channel. */
struct guest {
	struct door *door;
	uint32_t tag;
	int waiting;	    /* for the gate to open: its hello is here */
	int started;
	int proven;
	int expelled;
	struct watch watch; /* the connection, then the liveness pipe */
	struct timer again; /* to look at a hello that is not whole */
	pid_t pid;	    /* 0: not started, or ended */
	pid_t session;	    /* the channel's, which outlives it; 0: none yet */
	int roll;	    /* of what it has running, or -1 */
	struct timer end;   /* of what it has left */
	int64_t since;	    /* when it came */
	struct slice host;  /* its address, without the port: bytes of addr */
	struct addr addr;
	char from[ADDR_TEXT_MAX];
	struct guest *prev, *next;
};

struct door {
	struct hub *hub;
	struct listener *listener;
	struct acceptor acceptor;
	struct timer late;  /* the gate's deadline */
	struct timer opens; /* the gate, for one who waits */
	struct later admit; /* those who wait, at the end of the turn */
	struct preauth preauth;
	struct guest *guests;
	uint32_t tag;	    /* the last one given */
	struct program_start launch;
	char control[TETHER_TEXT_MAX]; /* in the environment, */
	char *program;		       /* and the published one, or NULL */
};

/* listener_acceptor.c */
/* Its place at the gate is free for somebody else. */
void door_leave_gate(struct guest *);
/* Close and free what there is of it. */
void door_forget(struct guest *);

/* listener_session.c */
/* Its channel; where none can be started it is forgotten. */
void door_start_channel(struct guest *);
/* What is left of it gets SIGKILL: the timer's end. */
void door_on_end(void *);

#endif
