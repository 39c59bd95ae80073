#ifndef FAKE_H
#define FAKE_H

/*
 * A PLB core with a fake broker, fake channels and fake clients around it: each
 * says one thing, or checks one that was said. There is one at a time.
 */

#include "plb.h"
#include "t/drive.h"

#define BROKER	2u
#define CLIENT	3u
#define CLIENT2 4u

extern struct drive fake;
extern struct plb *plb;

/* A PLB of module "calc" that wants so much, with its broker linked; capacity
 * is 1000. */
void fake_begin(uint64_t wanted);
/* One with a fixed channel; address may be NULL. */
void fake_begin_fixed(const char *address, uint64_t wanted);
void fake_end(void);
/* Both are linked and lost by drive_up() and drive_down(), too. */
void fake_broker(uint32_t peer);
void fake_client(uint32_t peer, uint64_t tokens);
/* Clients with so many tokens each, of a PLB that held as much and has lost it;
 * 0: no second one. The seller was this one. */
void fake_left(unsigned seller, uint64_t tokens, uint32_t peer, uint32_t peer2);

/* The attributes that fills say from now on: an export ("f/1"), or NULL. */
void fake_exports(const char *version, const char *export);

/* The broker fills the order last bought by: a seller, so much of it, and the
 * reservation's counter. */
void fake_fill(unsigned seller, uint64_t quantity, uint64_t counter);
/* The seller was dialled, and its channel links: the peer. */
uint32_t fake_link(unsigned seller);
/* Both, and demand: a channel with tokens. What it says is forgotten. */
uint32_t fake_channel(unsigned seller, uint64_t tokens);
const char *fake_address(unsigned seller);

/* What channels and clients say: what the core returned. A tick follows. */
int fake_demand(uint32_t peer, uint64_t tokens);
int fake_refuse(uint32_t peer);
int fake_waiting(uint32_t peer, uint64_t buyers);
int fake_drain(uint32_t peer);
int fake_reply(uint32_t peer, uint64_t id, uint64_t demand);
int fake_fail(uint32_t peer, uint64_t id, uint64_t demand);
int fake_request(uint32_t client, uint64_t id, const char *function);
int fake_request_retry(uint32_t client, uint64_t id, unsigned retries);
int fake_request_left(uint32_t client, uint64_t id, uint64_t left_ms);
int fake_abandon(uint32_t client, uint64_t id);
int fake_say(uint32_t peer, const struct msg *);

/* A buy was sent; it is this one. */
void fake_buy(struct msg *);
void fake_bought(uint64_t missing, uint64_t settled, uint64_t held);
/* A reservation with this counter was released. */
void fake_released(uint64_t counter);
/* The channel was sent a request: its id there. */
uint64_t fake_sent(uint32_t peer);
/* The client got this answer, once. */
void fake_replied(uint32_t client, uint64_t id);
void fake_failed(uint32_t client, uint64_t id, int ran, const char *reason);
/* The program was told why nothing comes. */
void fake_told(const char *reason);
/* The program was told that there is room, which is for so many. */
void fake_room(uint64_t tokens);
/* The channel was asked for so much with that reservation; got tokens back; is
 * to be closed. */
void fake_connected(uint32_t peer, unsigned seller, uint64_t quantity,
    uint64_t counter);
void fake_returned(uint32_t peer, uint64_t tokens);
void fake_closed(uint32_t peer);
/* Nothing was said or done that was not looked for, but for logs and exports.
 * All is forgotten. */
void fake_nothing(void);

/* Requests that run, and that wait for a token. */
uint64_t fake_in_flight(void);
uint64_t fake_queued(void);

#endif
