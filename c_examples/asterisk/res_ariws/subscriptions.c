/*
 * What an application hears: its subscriptions in Asterisk.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

/* Asterisk's name for all of them, in its list of those whose events an application gets. */
#define ALL_CHANNELS "__AST_CHANNEL_ALL_TOPIC"

static int application_hears(const char *application, const char *channel_id)
{
    struct ast_json *json = stasis_app_to_json(application);
    struct ast_json *ids = json ? ast_json_object_get(json, "channel_ids") : NULL;
    size_t index;
    int found = 0;

    for (index = 0; !found && index < ast_json_array_size(ids); index++) {
        found = !strcmp(S_OR(ast_json_string_get(ast_json_array_get(ids, index)), ""), channel_id);
    }
    ast_json_unref(json);
    return found;
}

/* Whether Asterisk has moved the channel to another application, and the event has not come here: an application hears
   the channels that are in it, unless it does not want to. */
int channel_was_moved(const char *application, const char *channel_id)
{
    struct ao2_container *names;
    struct ao2_iterator iterator;
    char *name;
    int found = 0;

    if (application_hears(application, channel_id) || application_hears(application, ALL_CHANNELS) ||
        !(names = stasis_app_get_all())) {
        return 0;
    }
    iterator = ao2_iterator_init(names, 0);
    for (; !found && (name = ao2_iterator_next(&iterator)); ao2_ref(name, -1)) {
        found = strcmp(name, application) && application_hears(name, channel_id);
    }
    ao2_iterator_destroy(&iterator);
    ao2_ref(names, -1);
    return found;
}

static void channel_subscribe(const char *application, const char *channel_id)
{
    char *uri;

    if (ast_asprintf(&uri, "channel:%s", channel_id) >= 0) {
        const char *uris[] = {uri};

        stasis_app_subscribe(application, uris, 1, NULL);
        ast_free(uri);
    }
}

/* Asterisk keeps an application that was unregistered while it has subscriptions, and gives them to who registers it
   next: what was to be a change of subscribe_all would change nothing. */
void application_set_scope(const char *name, int subscribe_all)
{
    static const char *everything[] = {"channel:", "bridge:", "endpoint:", "deviceState:"};
    static const char *all_topics[] = {"channel:" ALL_CHANNELS, "bridge:__AST_BRIDGE_ALL_TOPIC",
                                       "endpoint:__AST_ENDPOINT_ALL_TOPIC", "deviceState:__AST_DEVICE_STATE_ALL_TOPIC"};
    size_t index;
    int changed = 0;

    if (subscribe_all) {
        stasis_app_subscribe(name, everything, ARRAY_LEN(everything), NULL);
        return;
    }
    for (index = 0; index < ARRAY_LEN(all_topics); index++) {
        changed |= stasis_app_unsubscribe(name, &all_topics[index], 1, NULL) == STASIS_ASR_OK;
    }
    if (changed) {
        /* Its own channels had no subscription besides. */
        calls_in(name, channel_subscribe);
    }
}

/* What `GET /applications/{app}` answers. */
int32_t on_app_snapshot(void *userdata, const char *app, ariws_write_callback write, void *write_data)
{
    struct ast_json *json = stasis_app_to_json(app);
    size_t length;
    char *text = json ? json_text(json, &length) : NULL;
    int32_t result = text ? ARIWS_TEXT_GIVEN : ARIWS_TEXT_ABSENT;

    if (text) {
        write(write_data, text, length);
    }
    ast_free(text);
    ast_json_unref(json);
    return result;
}
