/*
 * ARI requests: finding the resource, the parameters, the answer.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A PBX that has ARI already hands the request to what it has; this is for those that do not. The library has checked
 * the message itself, and that a read-only user only reads.
 */
#include "ari.h"

#include "channel.h"
#include "log.h"
#include "minipbx.h"

#include <stdlib.h>
#include <string.h>

struct route {
    const char *method;
    /* `*` is any segment. */
    const char *path;
    ari_resource resource;
};

static const struct route routes[] = {
    {"GET", "asterisk/info", ari_asterisk_info},
    {"GET", "asterisk/ping", ari_asterisk_ping},
    {"GET", "asterisk/variable", ari_asterisk_get_variable},
    {"POST", "asterisk/variable", ari_asterisk_set_variable},
    {"POST", "asterisk/wait", ari_asterisk_wait},
    {"GET", "applications", ari_applications_list},
    {"GET", "applications/*", ari_applications_get},
    {"POST", "applications/*/subscription", ari_applications_subscribe},
    {"DELETE", "applications/*/subscription", ari_applications_unsubscribe},
    {"GET", "channels", ari_channels_list},
    {"POST", "channels", ari_channels_originate},
    {"POST", "channels/create", ari_channels_create},
    {"GET", "channels/*", ari_channels_get},
    {"POST", "channels/*", ari_channels_originate},
    {"DELETE", "channels/*", ari_channels_hangup},
    {"POST", "channels/*/answer", ari_channels_answer},
    {"POST", "channels/*/ring", ari_channels_ring},
    {"DELETE", "channels/*/ring", ari_channels_ring_stop},
    {"POST", "channels/*/play", ari_channels_play},
    {"POST", "channels/*/play/*", ari_channels_play},
    {"POST", "channels/*/dtmf", ari_channels_dtmf},
    {"POST", "channels/*/dial", ari_channels_dial},
    {"POST", "channels/*/continue", ari_channels_continue},
    {"POST", "channels/*/move", ari_channels_move},
    {"GET", "channels/*/variable", ari_channels_get_variable},
    {"POST", "channels/*/variable", ari_channels_set_variable},
    {"GET", "playbacks/*", ari_playbacks_get},
    {"DELETE", "playbacks/*", ari_playbacks_stop},
    {"POST", "events/user/*", ari_events_user},
    {"GET", "recordings/stored", ari_recordings},
    {"GET", "recordings/stored/*", ari_recording},
    {"GET", "recordings/stored/*/file", ari_recording_file},
    {"GET", "bridges", ari_empty_list},
    {"GET", "endpoints", ari_empty_list},
    {"GET", "deviceStates", ari_empty_list},
    {"GET", "sounds", ari_sounds},
};

#define ROUTES (sizeof routes / sizeof routes[0])

/* The segment of a route's path at `index`; its length 0 past the end. */
static const char *route_segment(const char *path, size_t index, size_t *length)
{
    while (index > 0 && *path != '\0') {
        path += strcspn(path, "/");
        path += *path == '/' ? 1 : 0;
        index--;
    }
    *length = strcspn(path, "/");
    return path;
}

/* Finds the resource, or answers 404 or 405. */
static ari_resource find_route(struct ari_call *call)
{
    bool candidate[ROUTES];
    bool any = true;
    memset(candidate, true, sizeof candidate);
    /* Segment by segment: where a route has the very word, those with `*` do not count ("channels/create"). */
    for (size_t i = 0; i < call->count && any; i++) {
        bool literal[ROUTES] = {false};
        bool any_literal = false;
        any = false;
        for (size_t r = 0; r < ROUTES; r++) {
            size_t length;
            const char *segment = route_segment(routes[r].path, i, &length);
            literal[r] = candidate[r] && length > 0 && length == strlen(call->segments[i]) &&
                         memcmp(segment, call->segments[i], length) == 0 && *segment != '*';
            any_literal = any_literal || literal[r];
            candidate[r] = candidate[r] && length == 1 && *segment == '*' && *call->segments[i] != '\0';
            any = any || candidate[r] || literal[r];
        }
        if (any_literal) {
            memcpy(candidate, literal, sizeof candidate);
        }
    }
    if (!any) {
        ari_error(call, 404, NULL, "Resource not found");
        return NULL;
    }
    for (size_t r = 0; r < ROUTES; r++) {
        size_t length;
        route_segment(routes[r].path, call->count, &length);
        if (candidate[r] && length == 0 && strcmp(routes[r].method, call->request->method) == 0) {
            return routes[r].resource;
        }
    }
    if (strcmp(call->request->method, "OPTIONS") == 0) {
        ari_no_content(call);
    } else {
        ari_error(call, 405, NULL, "Invalid method");
    }
    return NULL;
}

static int hex_digit(char digit)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *found = digit == '\0' ? NULL : strchr(digits, digit);
    return found == NULL ? -1 : (int)((found - digits) % 16);
}

/* A segment as Asterisk reads it: %XX is a byte, also %00, which ends it; a plus is a blank; the rest stays. */
static char *decode_segment(const char *segment, size_t length)
{
    char *decoded = memory_get(length + 1, 1);
    char *to = decoded;
    for (size_t i = 0; i < length; i++) {
        bool escape =
            segment[i] == '%' && i + 2 < length && hex_digit(segment[i + 1]) >= 0 && hex_digit(segment[i + 2]) >= 0;
        if (escape) {
            *to++ = (char)(hex_digit(segment[i + 1]) * 16 + hex_digit(segment[i + 2]));
            i += 2;
        } else {
            *to++ = (char)(segment[i] == '+' ? ' ' : segment[i]);
        }
    }
    return decoded;
}

/* False after an answer: for paths that are none. */
static bool split_path(struct ari_call *call)
{
    const char *path = call->request->path;
    size_t length = strlen(path);
    if (length > 0 && path[length - 1] == '/') {
        struct text message = {0};
        text_format(&message, "ARI URLs do not end with a slash. Try /ari/%.*s", (int)length - 1, path);
        ari_error(call, 404, NULL, text_string(&message));
        text_free(&message);
        return false;
    }
    for (;;) {
        size_t segment = strcspn(path, "/");
        if (segment == 0) {
            ari_error(call, 405, NULL, "Invalid method");
            return false;
        }
        if (call->count == ARI_MAXIMUM_SEGMENTS) {
            ari_error(call, 404, NULL, "Resource not found");
            return false;
        }
        call->segments[call->count++] = decode_segment(path, segment);
        if (path[segment] == '\0') {
            return true;
        }
        path += segment + 1;
    }
}

static void serve(struct ari_call *call)
{
    const ariws_request *request = call->request;
    if (request->body != NULL) {
        call->body = json_parse(request->body, request->body_length);
        if (call->body == NULL) {
            /* The library has checked that it is JSON; what it can hold and we cannot is very deep nesting. */
            ari_error(call, 400, NULL, "The body is nested too deeply.");
            return;
        }
    }
    if (!split_path(call)) {
        return;
    }
    ari_resource resource = find_route(call);
    if (resource != NULL) {
        pthread_mutex_lock(&call->pbx->lock);
        resource(call);
        pthread_mutex_unlock(&call->pbx->lock);
    }
}

void pbx_ari_request(void *userdata, const ariws_request *request)
{
    struct ari_call call;
    memset(&call, 0, sizeof call);
    call.pbx = userdata;
    call.request = request;
    call.status = 200;
    serve(&call);
    if (!call.later) {
        const struct text *answer = &call.answer.text;
        host_answer(&call.pbx->host, request->id, call.status, call.reason, answer->data, answer->length);
    }
    log_line(ARIWS_LOG_DEBUG, request->session_id, "%s %s: %d", request->method, request->path, call.status);
    json_free(&call.answer);
    json_value_free(call.body);
    for (size_t i = 0; i < call.count; i++) {
        free(call.segments[i]);
    }
}

/* ["a","b"] is "a,b", as where a list is given as one parameter. What is no string counts as "", as in Asterisk. */
static const char *member_as_string(struct json_value *member)
{
    if (member->kind == JSON_STRING) {
        return member->text;
    }
    if (member->kind != JSON_ARRAY) {
        return "";
    }
    if (member->text == NULL) {
        struct text joined = {0};
        text_add(&joined, "");
        for (const struct json_value *at = member->first; at != NULL; at = at->next) {
            text_add(&joined, at == member->first ? "" : ",");
            text_add(&joined, at->kind == JSON_STRING ? at->text : "");
        }
        member->text = joined.data;
    }
    return member->text;
}

const char *ari_parameter(struct ari_call *call, const char *name)
{
    struct json_value *member = json_member(call->body, name);
    if (member != NULL) {
        return member_as_string(member);
    }
    for (size_t i = call->request->parameters_count; i > 0; i--) {
        const ariws_parameter *parameter = &call->request->parameters[i - 1];
        if (strcmp(parameter->name, name) == 0) {
            return parameter->value;
        }
    }
    return NULL;
}

bool ari_has(struct ari_call *call, const char *name)
{
    const char *value = ari_parameter(call, name);
    return value != NULL && *value != '\0';
}

void ari_error(struct ari_call *call, int status, const char *reason, const char *message)
{
    call->status = status;
    call->reason = reason;
    json_free(&call->answer);
    json_open(&call->answer, NULL, '{');
    json_string(&call->answer, "message", message);
    json_close(&call->answer, '}');
}

void ari_no_content(struct ari_call *call)
{
    call->status = 204;
}

struct channel *ari_channel(struct ari_call *call)
{
    struct channel *channel = channel_find(call->pbx, call->segments[1]);
    if (channel == NULL) {
        ari_error(call, 404, NULL, "Channel not found");
    }
    return channel;
}

struct channel *ari_channel_in_stasis(struct ari_call *call)
{
    struct channel *channel = ari_channel(call);
    if (channel != NULL && channel->application == NULL) {
        ari_error(call, 409, NULL, "Channel not in Stasis application");
        return NULL;
    }
    return channel;
}
