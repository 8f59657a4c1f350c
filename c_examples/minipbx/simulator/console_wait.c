/*
 * Console: waiting, with a deadline, for scripts.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "console.h"

#include "channel.h"
#include "minipbx.h"

#include <stdlib.h>
#include <string.h>

/* How often `wait session` looks: the library tells nobody when a connection comes or goes. */
#define SESSION_LOOK_MS 20

#define LONGEST_WAIT_MS 3600000L

static bool parse_deadline(char **words, size_t count, size_t index, int64_t *deadline)
{
    long milliseconds = CONSOLE_WAIT_MS;
    if (count > index && !parse_number(words[index], 0, LONGEST_WAIT_MS, &milliseconds)) {
        return console_fail("\"%s\" is no number of milliseconds", words[index]);
    }
    *deadline = clock_now() + milliseconds;
    return true;
}

/* Waits for pbx->changed once; false if the deadline has come or minipbx is to end. Under the lock. */
static bool wait_more(struct pbx *pbx, int64_t deadline)
{
    if (pbx->stopping || clock_now() >= deadline) {
        return false;
    }
    clock_wait(&pbx->changed, &pbx->lock, deadline);
    return true;
}

bool console_wait_calls(struct pbx *pbx, char **words, size_t count)
{
    int64_t deadline;
    if (!parse_deadline(words, count, 0, &deadline)) {
        return false;
    }
    pthread_mutex_lock(&pbx->lock);
    while (pbx->channel_count > 0 && wait_more(pbx, deadline)) {
    }
    size_t left = pbx->channel_count;
    pthread_mutex_unlock(&pbx->lock);
    return left == 0 || console_fail("%zu channels are left", left);
}

static size_t channels_in_stasis(const struct pbx *pbx)
{
    size_t count = 0;
    for (const struct channel *channel = pbx->channels; channel != NULL; channel = channel->next) {
        count += channel->application != NULL ? 1 : 0;
    }
    return count;
}

bool console_wait_stasis(struct pbx *pbx, char **words, size_t count)
{
    int64_t deadline;
    long wanted;
    if (!parse_number(words[0], 0, 1000000, &wanted)) {
        return console_fail("\"%s\" is no number of channels", words[0]);
    }
    if (!parse_deadline(words, count, 1, &deadline)) {
        return false;
    }
    pthread_mutex_lock(&pbx->lock);
    size_t inside = channels_in_stasis(pbx);
    while (inside != (size_t)wanted && wait_more(pbx, deadline)) {
        inside = channels_in_stasis(pbx);
    }
    pthread_mutex_unlock(&pbx->lock);
    return inside == (size_t)wanted || console_fail("%zu channels are in Stasis", inside);
}

static bool wait_application(struct pbx *pbx, char **words, size_t count, bool registered)
{
    int64_t deadline;
    if (!parse_deadline(words, count, 1, &deadline)) {
        return false;
    }
    pthread_mutex_lock(&pbx->lock);
    bool is = application_find(pbx, words[0]) != NULL;
    while (is != registered && wait_more(pbx, deadline)) {
        is = application_find(pbx, words[0]) != NULL;
    }
    pthread_mutex_unlock(&pbx->lock);
    return is == registered || console_fail("%s is %sregistered", words[0], is ? "" : "not ");
}

bool console_wait_registered(struct pbx *pbx, char **words, size_t count)
{
    return wait_application(pbx, words, count, true);
}

bool console_wait_unregistered(struct pbx *pbx, char **words, size_t count)
{
    return wait_application(pbx, words, count, false);
}

/* The state in the line of `ari show sessions` about that id; "gone" if there is none. */
static const char *find_state(const char *output, const char *id)
{
    size_t length = strlen(id);
    for (const char *line = output; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n' ? 1 : 0) {
        size_t end = strcspn(line, "\n");
        if (end <= length || strncmp(line, id, length) != 0 || line[length] != ' ') {
            continue;
        }
        /* Behind the id: the type, the remote address (one word each), the state. */
        char *rest = copy_bytes(line + length, end - length);
        char *words[3];
        size_t count = split_words(rest, words, 3);
        size_t state = count < 3 ? 0 : strcspn(words[2], " ");
        const char *found = state == 2 && strncmp(words[2], "Up", 2) == 0 ? "up" : "down";
        free(rest);
        return found;
    }
    return "gone";
}

/* False if minipbx is to end. */
static bool pass_time(struct pbx *pbx, int64_t until)
{
    pthread_mutex_lock(&pbx->lock);
    while (wait_more(pbx, until)) {
    }
    bool going_on = !pbx->stopping;
    pthread_mutex_unlock(&pbx->lock);
    return going_on;
}

bool console_wait_session(struct pbx *pbx, char **words, size_t count)
{
    const char *const command[] = {"ari", "show", "sessions"};
    const char *state = "gone";
    int64_t deadline;
    if (strcmp(words[1], "up") != 0 && strcmp(words[1], "down") != 0 && strcmp(words[1], "gone") != 0) {
        return console_fail("a session can be up, down or gone, not \"%s\"", words[1]);
    }
    if (!parse_deadline(words, count, 2, &deadline)) {
        return false;
    }
    for (;;) {
        struct text output = {0};
        int32_t result = console_library_output(pbx, command, 3, &output);
        state = find_state(text_string(&output), words[0]);
        text_free(&output);
        if (result != ARIWS_OK) {
            return console_fail("ari show sessions: %s", pbx->host.library.result_text(result));
        }
        if (strcmp(state, words[1]) == 0) {
            return true;
        }
        if (!pass_time(pbx, clock_now() + SESSION_LOOK_MS) || clock_now() >= deadline) {
            return console_fail("session %s is %s", words[0], state);
        }
    }
}

bool console_wait_time(struct pbx *pbx, char **words, size_t count)
{
    int64_t deadline;
    if (!parse_deadline(words, count, 0, &deadline)) {
        return false;
    }
    pass_time(pbx, deadline);
    return true;
}
