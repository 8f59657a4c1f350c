/*
 * ARI: the resources under asterisk/, and those of which minipbx has little.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "ari.h"

#include "minipbx.h"

#include <stdlib.h>
#include <string.h>

/* `only` is a comma-separated list; without it everything is wanted. */
static bool wanted(const char *only, const char *part)
{
    if (only == NULL || *only == '\0') {
        return true;
    }
    size_t length = strlen(part);
    for (;;) {
        size_t word = strcspn(only, ",");
        if (word == length && memcmp(only, part, length) == 0) {
            return true;
        }
        if (only[word] == '\0') {
            return false;
        }
        only += word + 1;
    }
}

void ari_asterisk_info(struct ari_call *call)
{
    const char *only = ari_parameter(call, "only");
    struct json *json = &call->answer;
    json_open(json, NULL, '{');
    if (wanted(only, "build")) {
        const char *keys[] = {"os", "kernel", "machine", "options", "date", "user"};
        json_open(json, "build", '{');
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            json_string(json, keys[i], "");
        }
        json_close(json, '}');
    }
    if (wanted(only, "system")) {
        json_open(json, "system", '{');
        json_string(json, "version", "minipbx " ARIWS_VERSION);
        json_string(json, "entity_id", MINIPBX_ENTITY_ID);
        json_close(json, '}');
    }
    if (wanted(only, "config")) {
        json_open(json, "config", '{');
        json_string(json, "name", "minipbx");
        json_string(json, "default_language", "en");
        json_open(json, "setid", '{');
        json_string(json, "user", "");
        json_string(json, "group", "");
        json_close(json, '}');
        json_close(json, '}');
    }
    if (wanted(only, "status")) {
        json_open(json, "status", '{');
        json_string(json, "startup_time", call->pbx->start_time);
        json_string(json, "last_reload_time", call->pbx->start_time);
        json_close(json, '}');
    }
    json_close(json, '}');
}

void ari_asterisk_ping(struct ari_call *call)
{
    char timestamp[CLOCK_TIMESTAMP_SIZE];
    clock_timestamp(timestamp);
    json_open(&call->answer, NULL, '{');
    json_string(&call->answer, "ping", "pong");
    json_string(&call->answer, "timestamp", timestamp);
    json_string(&call->answer, "asterisk_id", MINIPBX_ENTITY_ID);
    json_close(&call->answer, '}');
}

void ari_asterisk_get_variable(struct ari_call *call)
{
    if (!ari_has(call, "variable")) {
        ari_error(call, 400, NULL, "Variable name is required");
        return;
    }
    /* A global variable that does not exist is empty, says Asterisk. */
    json_open(&call->answer, NULL, '{');
    json_string(&call->answer, "value", variables_get(&call->pbx->globals, ari_parameter(call, "variable")));
    json_close(&call->answer, '}');
}

void ari_asterisk_set_variable(struct ari_call *call)
{
    const char *value = ari_parameter(call, "value");
    if (!ari_has(call, "variable")) {
        ari_error(call, 400, NULL, "Variable name is required");
        return;
    }
    variables_set(&call->pbx->globals, ari_parameter(call, "variable"), value == NULL ? "" : value);
    ari_no_content(call);
}

/* The wait ends early when minipbx does. */
static void wait_until(struct pbx *pbx, int64_t deadline)
{
    while (!pbx->stopping && clock_now() < deadline) {
        clock_wait(&pbx->changed, &pbx->lock, deadline);
    }
}

struct later {
    uint64_t request_id;
    int64_t deadline;
};

/* An answer from another thread than the one that got the request, after pbx_ari_request has returned. */
static void answer_later(struct pbx *pbx, void *argument)
{
    struct later *later = argument;
    pthread_mutex_lock(&pbx->lock);
    wait_until(pbx, later->deadline);
    pthread_mutex_unlock(&pbx->lock);
    host_answer(&pbx->host, later->request_id, 204, NULL, NULL, 0);
    free(later);
}

/*
 * minipbx's own, not ARI: POST asterisk/wait?ms=200 takes 200 ms, for tests of what a slow resource holds up. With
 * later=yes the callback returns at once and the answer comes from another thread. At most 60 s.
 */
void ari_asterisk_wait(struct ari_call *call)
{
    long milliseconds;
    const char *ms = ari_parameter(call, "ms");
    const char *later = ari_parameter(call, "later");
    if (ms == NULL || !parse_number(ms, 0, 60000, &milliseconds)) {
        ari_error(call, 400, NULL, "ms is a number up to 60000");
        return;
    }
    ari_no_content(call);
    if (later == NULL || strcmp(later, "yes") != 0) {
        wait_until(call->pbx, clock_now() + milliseconds);
        return;
    }
    struct later *argument = memory_get(1, sizeof *argument);
    argument->request_id = call->request->id;
    argument->deadline = clock_now() + milliseconds;
    call->later = threads_start(call->pbx, answer_later, argument);
    if (!call->later) {
        free(argument);
        ari_error(call, 500, NULL, "No thread for the answer");
    }
}

void ari_empty_list(struct ari_call *call)
{
    json_open(&call->answer, NULL, '[');
    json_close(&call->answer, ']');
}

void ari_sounds(struct ari_call *call)
{
    ari_error(call, 404, NULL, "No sounds found that matched the query");
}

/* There is one stored recording, to show how a resource that is no JSON is answered. */
static void recording_json(struct json *json)
{
    json_open(json, NULL, '{');
    json_string(json, "name", "rec1");
    json_string(json, "format", "wav");
    json_close(json, '}');
}

static bool recording_exists(struct ari_call *call)
{
    if (strcmp(call->segments[2], "rec1") == 0) {
        return true;
    }
    ari_error(call, 404, NULL, "Recording not found");
    return false;
}

void ari_recordings(struct ari_call *call)
{
    json_open(&call->answer, NULL, '[');
    recording_json(&call->answer);
    json_close(&call->answer, ']');
}

void ari_recording(struct ari_call *call)
{
    if (recording_exists(call)) {
        recording_json(&call->answer);
    }
}

void ari_recording_file(struct ari_call *call)
{
    if (recording_exists(call)) {
        call->status = 406;
        call->reason = "Not Acceptable.  Use HTTP GET";
    }
}
