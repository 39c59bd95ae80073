#ifndef SIGNALS_H
#define SIGNALS_H

/*
 * The loop's other half: what a process has only one of, its signal handlers
 * and its children. loop_signal(), loop_child() and loop_forked() are here;
 * these functions are for loop.c alone.
 */

/* Opens the self-pipe and returns the descriptor to watch, ignores SIGPIPE,
 * handles SIGCHLD; dies (111) when it cannot. */
int signals_open(void);

/* Back to the default actions; only SIGPIPE stays ignored. */
void signals_close(void);

/* Is there anything for signals_run()? */
int signals_pending(void);

/* Call back for the signals that came and the children that ended. */
void signals_run(void);

#endif
