#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "call_way.h"
#include "core.h"

#define NEVER	 INT64_MAX
#define WAY_NAME_MAX 160 /* bytes of a command in a message */

void
way_init(struct way *w, int64_t now, const char *name, int command)
{
	memset(w, 0, sizeof(*w));
	w->name = name;
	w->command = command;
	w->since = now;
	w->due = command ? now : NEVER;
	w->backoff_ms = WAY_BACKOFF_MIN_MS;
}

/* Neither the command nor its link is left: start it again. */
static void
way_start_later(struct way *w, int64_t now)
{
	w->due = NEVER;
	if (w->running || w->linked)
		return;
	w->due = now + w->backoff_ms;
	w->backoff_ms *= 2;
	if (w->backoff_ms > WAY_BACKOFF_MAX_MS)
		w->backoff_ms = WAY_BACKOFF_MAX_MS;
}

/* Its link is gone: give what still runs the time to end by itself. */
static void
way_unlinked(struct way *w, int64_t now, int64_t patience)
{
	w->linked = 0;
	if (w->running)
		w->due = now + patience;
	else
		way_start_later(w, now);
}

void
way_up(struct way *w, int64_t now, uint32_t peer)
{
	w->peer = peer;
	w->known = 1;
	w->since = now;
	w->starts = 0;
	w->said[0] = w->ended[0] = '\0';
	w->refused = 0;
	w->due = NEVER;
}

void
way_answered(struct way *w, struct slice refusal)
{
	if (w->command)
		return;
	w->refused = refusal.len > 0;
	snprintf(w->said, sizeof(w->said), "%.*s", SLICE_ARG(refusal));
}

void
way_down(struct way *w, int64_t now)
{
	if (w->peer == 0)
		return;
	w->peer = 0;
	if (now - w->since >= WAY_BACKOFF_MAX_MS)
		w->backoff_ms = WAY_BACKOFF_MIN_MS;
	w->since = now;
	if (w->command)
		way_unlinked(w, now, WAY_END_MS);
}

static int
way_is_foreign(const char *said)
{
	return strncmp(said, CORE_FOREIGN, sizeof(CORE_FOREIGN) - 1) == 0;
}

void
way_failed(struct way *w, int64_t now, struct slice reason, int final)
{
	snprintf(w->said, sizeof(w->said), "%.*s", SLICE_ARG(reason));
	w->refused = 0;
	w->final = final;
	if (!w->command || !w->linked)
		return;
	w->starts++;
	way_unlinked(w, now, way_is_foreign(w->said) ? 0 : WAY_END_MS);
}

void
way_ended(struct way *w, int64_t now, const char *how)
{
	assert(w->command);
	snprintf(w->ended, sizeof(w->ended), "%s", how);
	w->running = 0;
	if (w->linked && w->peer == 0)
		w->due = now + WAY_END_MS;
	else
		way_start_later(w, now);
}

void
way_unable(struct way *w, int64_t now, const char *why)
{
	assert(w->command);
	snprintf(w->ended, sizeof(w->ended), "cannot be run: %s", why);
	w->starts++;
	w->running = w->linked = 0;
	way_start_later(w, now);
}

enum way_do
way_tick(struct way *w, int64_t now)
{
	if (now < w->due)
		return WAY_NOTHING;
	w->due = NEVER;
	if (w->running || w->linked)
		return WAY_STOP;
	w->running = w->linked = 1;
	w->since = now;
	w->said[0] = w->ended[0] = '\0';
	return WAY_START;
}

int64_t
way_deadline(const struct way *w)
{
	return w->due;
}

int64_t
way_patience(const struct way *w)
{
	if (w->command || w->peer != 0)
		return NEVER;
	return w->since + (w->known ? WAY_LOST_MS : WAY_START_MS);
}

int
way_hopes(const struct way *w, int64_t now)
{
	if (w->peer != 0)
		return 1;
	if (w->command)
		return w->running || w->linked || w->starts == 0 ||
		    (w->known && w->starts < WAY_STARTS_MAX);
	return !w->final && now < way_patience(w);
}

static void
way_why_not_command(const struct way *w, int64_t now, char *buf, size_t size)
{
	const char *name = w->name;
	char text[WAY_NAME_MAX + 1];

	text[escape(text, WAY_NAME_MAX, &name)] = '\0';
	if (way_is_foreign(w->said))
		snprintf(buf, size, "the command `%s%s' %s: it has to run "
		    "lambda-channel, and to write nothing else", text,
		    *name == '\0' ? "" : "...", w->said);
	else if (w->ended[0] != '\0' || w->said[0] != '\0')
		snprintf(buf, size, "the command `%s%s' %s", text,
		    *name == '\0' ? "" : "...", w->ended[0] != '\0' ?
		    w->ended : w->said);
	else if (w->linked)
		snprintf(buf, size, "the command `%s%s' has said nothing for "
		    "%lld s yet", text, *name == '\0' ? "" : "...",
		    (long long)(now - w->since) / 1000);
	else
		snprintf(buf, size, "the channel of the command `%s%s' was "
		    "lost", text, *name == '\0' ? "" : "...");
}

const char *
way_why(const struct way *w, int64_t now, char *buf, size_t size)
{
	if (w->command)
		way_why_not_command(w, now, buf, size);
	else if (w->refused)
		snprintf(buf, size, "%s turns everybody away: %s", w->name,
		    w->said);
	else if (w->final)
		snprintf(buf, size, "unable to reach %s: %s", w->name,
		    w->said);
	else
		snprintf(buf, size, "unable to reach %s%s%s: is it running?",
		    w->name, w->said[0] == '\0' ? "" : ": ", w->said);
	return buf;
}
