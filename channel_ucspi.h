#ifndef CHANNEL_UCSPI_H
#define CHANNEL_UCSPI_H

/*
 * Who is at the other end, as the environment has it: UCSPI (PROTO, and for
 * PROTO=TCP then TCPREMOTEIP and TCPREMOTEPORT; for a Unix socket
 * UNIXREMOTEEUID or IPCREMOTEEUID), or ssh (SSH_CONNECTION). For the log alone:
 * it is believed as far as whoever started us.
 */

#define UCSPI_PEER_MAX 128

/* Its name: 1, or 0 when nothing is known. */
int ucspi_peer(char name[UCSPI_PEER_MAX]);

#endif
