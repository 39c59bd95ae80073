/*
 * Count what runs at once. Each slot is a byte of a file that is locked by
 * whoever is in it; the system unlocks what is killed. Where none is free too
 * many run at once: that is a line in FILE.over.
 *
 *	t/slot FILE SLOTS command [argument ...]
 *		run the command, in a slot as long as it runs
 *	t/slot -l MS FILE SLOTS word
 *		a worker: for each line, a number, in a slot for so many
 *		milliseconds; then twice the number and the word
 *	t/slot -t FILE
 *		exit with 0 if anybody is in a slot, and with 1 if not
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *file;
static int slots; /* a descriptor */
static long count;

static void
die(const char *what)
{
	fprintf(stderr, "slot: %s: %s\n", what, strerror(errno));
	exit(111);
}

/* 1: byte i of the file is (F_WRLCK) or is no longer (F_UNLCK) locked by this
 * process; 0: by another. wait: until it is. */
static int
lock(long i, short type, int wait)
{
	struct flock l;

	memset(&l, 0, sizeof(l));
	l.l_type = type;
	l.l_whence = SEEK_SET;
	l.l_start = (off_t)i;
	l.l_len = 1;
	while (fcntl(slots, wait ? F_SETLKW : F_SETLK, &l) == -1)
		if (!wait && (errno == EAGAIN || errno == EACCES))
			return 0;
		else if (errno != EINTR)
			die(file);
	return 1;
}

static void
over(void)
{
	char name[4096], line[64];
	int fd, n;

	n = snprintf(name, sizeof(name), "%s.over", file);
	if (n < 0 || (size_t)n >= sizeof(name))
		die("name too long");
	n = snprintf(line, sizeof(line), "%ld in %ld slots\n", (long)getpid(),
	    count);
	fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd == -1 || write(fd, line, (size_t)n) != n || close(fd) == -1)
		die(name);
}

/* The slot taken, from a place of this process's own on. -1: too many run at
 * once. One process at a time looks for a slot, so that none is taken
 * meanwhile: where each was found taken, all were when it began to look. */
static long
enter(void)
{
	long i, slot = -1, first = (long)getpid() % count;

	lock(count, F_WRLCK, 1);
	for (i = 0; i < count && slot == -1; i++)
		if (lock((first + i) % count, F_WRLCK, 0))
			slot = (first + i) % count;
	lock(count, F_UNLCK, 0);
	if (slot == -1)
		over();
	return slot;
}

static int
taken(void)
{
	struct flock l;

	memset(&l, 0, sizeof(l));
	l.l_type = F_WRLCK;
	l.l_whence = SEEK_SET;
	if (fcntl(slots, F_GETLK, &l) == -1)
		die(file);
	return l.l_type != F_UNLCK;
}

static void
serve(long ms, const char *word)
{
	struct timespec t;
	char line[256];
	long slot;

	t.tv_sec = ms / 1000;
	t.tv_nsec = ms % 1000 * 1000000;
	while (fgets(line, sizeof(line), stdin) != NULL) {
		slot = enter();
		nanosleep(&t, NULL);
		if (slot != -1)
			lock(slot, F_UNLCK, 0);
		printf("%ld %s\n", 2 * strtol(line, NULL, 10), word);
		if (fflush(stdout) == EOF)
			die("standard output");
	}
}

static int
usage(void)
{
	fputs("usage: slot [-l ms] file slots command|word [argument ...]\n"
	    "       slot -t file\n", stderr);
	return 100;
}

int
main(int argc, char *argv[])
{
	long ms = -1;
	int c, test = 0;

	while ((c = getopt(argc, argv, "+l:t")) != -1) {
		if (c == 'l')
			ms = strtol(optarg, NULL, 10);
		else if (c == 't')
			test = 1;
		else
			return usage();
	}
	argc -= optind;
	argv += optind;
	if (test ? argc != 1 :
	    argc < 3 || (count = strtol(argv[1], NULL, 10)) < 1)
		return usage();
	file = argv[0];
	if ((slots = open(file, O_RDWR | O_CREAT, 0600)) == -1)
		die(file);
	if (test)
		return !taken();
	if (ms >= 0) {
		serve(ms, argv[2]);
		return 0;
	}
	if (enter() == -1)
		return 111;
	execvp(argv[2], argv + 2);
	die(argv[2]);
	return 111;
}
