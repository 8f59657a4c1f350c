/*
 * Asterisk's handler of the events of applications: on its own threads, some of which serve many channels. Nothing
 * here waits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

static const char *member_id(struct ast_json *event, const char *name)
{
    return ast_json_string_get(ast_json_object_get(ast_json_object_get(event, name), "id"));
}

static void debug_event(const char *application, struct ast_json *event)
{
    char *text = ast_json_dump_string_format(event, ast_ari_json_format());

    ast_verbose("<--- Sending ARI event to %s --->\n%s\n", application, S_OR(text, ""));
    ast_json_free(text);
}

/* Asterisk has made the text itself, so the library need not read it to know what is in it. */
static void event_send(const char *application, const char *type, const char *channel_id, struct ast_json *event,
                       const char *text, size_t length)
{
    ariws_trusted_event trusted = ARIWS_TRUSTED_EVENT_INIT;

    trusted.json = text;
    trusted.json_length = length;
    trusted.type = type;
    trusted.channel_id = channel_id;
    trusted.replaced_channel_id = member_id(event, "replace_channel");
    trusted.members = (ast_json_object_get(event, "application") ? ARIWS_EVENT_HAS_APPLICATION : 0) |
                      (ast_json_object_get(event, "timestamp") ? ARIWS_EVENT_HAS_TIMESTAMP : 0) |
                      (ast_json_object_get(event, "asterisk_id") ? ARIWS_EVENT_HAS_ASTERISK_ID : 0);
    /* What it refuses it counts and reports itself; no connection is ordinary for what trails the end of a call. */
    library.event_trusted(instance, application, &trusted);
}

void application_event(void *data, const char *name, struct ast_json *event)
{
    const char *type = S_OR(ast_json_string_get(ast_json_object_get(event, "type")), "");
    const char *channel_id = member_id(event, "channel");
    size_t length;
    char *text;

    if (!strcmp(type, "ApplicationReplaced")) {
        application_replaced(data);
    }
    channel_event(name, type, channel_id);
#ifdef HAVE_STASIS_APP_EVENT_ALLOWED
    if (!stasis_app_event_allowed(name, event)) {
        return;
    }
#endif
    if (stasis_app_get_debug_by_name(name)) {
        debug_event(name, event);
    }
    text = json_text(event, &length);
    if (!text) {
        ast_log(LOG_ERROR, "Out of memory: application %s does not get a %s\n", name, type);
        return;
    }
    event_send(name, type, channel_id, event, text, length);
    ast_free(text);
}
