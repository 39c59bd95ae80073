#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel_ucspi.h"

#define VARIABLE_MAX 64

/* The variable of that protocol; NULL where it is not set. */
static const char *
of(const char *protocol, const char *what)
{
	char name[VARIABLE_MAX];
	const char *value;

	if (snprintf(name, sizeof(name), "%s%s", protocol, what) >=
	    (int)sizeof(name))
		return NULL;
	value = getenv(name);
	return value == NULL || *value == '\0' ? NULL : value;
}

static void
join(char name[UCSPI_PEER_MAX], const char *ip, int len, const char *port)
{
	const char *open = memchr(ip, ':', (size_t)len) == NULL ? "" : "[";

	snprintf(name, UCSPI_PEER_MAX, "%s%.*s%s%s%s", open, len, ip,
	    *open == '\0' ? "" : "]", port == NULL ? "" : ":",
	    port == NULL ? "" : port);
}

/* The client's address and port, and then the server's. */
static int
ssh(char name[UCSPI_PEER_MAX])
{
	const char *value = getenv("SSH_CONNECTION"), *port;
	char text[8];

	if (value == NULL || (port = strchr(value, ' ')) == NULL)
		return 0;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(port + 1, " "),
	    port + 1);
	join(name, value, (int)(port - value), text);
	return 1;
}

int
ucspi_peer(char name[UCSPI_PEER_MAX])
{
	const char *protocol = getenv("PROTO"), *ip, *uid;

	if (protocol == NULL)
		return ssh(name);
	if ((ip = of(protocol, "REMOTEIP")) != NULL) {
		join(name, ip, (int)strlen(ip), of(protocol, "REMOTEPORT"));
		return 1;
	}
	if ((uid = of(protocol, "REMOTEEUID")) == NULL)
		return 0;
	snprintf(name, UCSPI_PEER_MAX, "user %s", uid);
	return 1;
}
