/*
 * The smallest host: it loads the library, lets one channel into Stasis(voicebot) and sends it an event.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * usage: tiny FOLDER, the one with ari.conf and websocket_client.conf
 */
#include <ariws.h>
#include <stdio.h>
#include <string.h>

static ariws_instance *library;

static void on_log(void *pbx, int32_t level, const char *subject, const char *message)
{
    if (level <= ARIWS_LOG_NOTICE) {
        fprintf(stderr, "%s: %s\n", subject, message);
    }
}

/* Here a PBX runs the request: request->method, request->path and so on. */
static void on_request(void *pbx, const ariws_request *request)
{
    const char *body = "{\"message\":\"Resource not found\"}";
    ariws_request_complete(library, request->id, 404, NULL, body, strlen(body));
}

/* A PBX notes here who gets the events of which application. */
static int32_t on_register(void *pbx, const char *app, int32_t subscribe_all)
{
    return ARIWS_APP_REGISTERED;
}

static void on_unregister(void *pbx, const char *app)
{
}

static int32_t on_is_registered(void *pbx, const char *app)
{
    return 0;
}

/* This one has no dialplan. */
static int32_t on_context_create(void *pbx, const char *context, const char *app)
{
    return ARIWS_CONTEXT_CREATED;
}

static void on_context_destroy(void *pbx, const char *context)
{
}

/* A PBX takes the channel out of Stasis(): its connection is lost for good. */
static void on_stasis_failed(void *pbx, const char *channel_id, const char *application)
{
}

int main(int count, char **arguments)
{
    char application[128], why[256];
    ariws_host host = ARIWS_HOST_INIT;
    ariws_options options = ARIWS_OPTIONS_INIT;
    host.log = on_log;
    host.ari_request = on_request;
    host.app_register = on_register;
    host.app_unregister = on_unregister;
    host.app_is_registered = on_is_registered;
    host.context_create = on_context_create;
    host.context_destroy = on_context_destroy;
    host.stasis_failed = on_stasis_failed;
    options.config_directory = count > 1 ? arguments[1] : "/etc/mypbx";
    options.asterisk_id = "02:00:00:00:00:01";
    if (ariws_load(&host, &options, NULL, NULL, &library, why, sizeof why) != ARIWS_OK) {
        return fprintf(stderr, "%s\n", why), 1;
    }
    int32_t started =
        ariws_stasis_start(library, "voicebot", "1.1", "SIP/ann-1", application, sizeof application, why, sizeof why);
    if (started == ARIWS_OK) {
        /* The library adds application, timestamp and asterisk_id. */
        const char *event =
            "{\"type\":\"StasisStart\",\"args\":[],\"channel\":{\"id\":\"1.1\",\"name\":\"SIP/ann-1\"}}";
        ariws_event(library, application, event, strlen(event));
        ariws_stasis_end(library, application, "1.1");
    }
    return ariws_unload(library, 2000);
}
