/*
 * A host against what is installed: it loads the library, is called, asks it something and unloads.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * usage: host FOLDER, the one with ari.conf and websocket_client.conf
 */
#include <ariws.h>
#include <stdio.h>
#include <string.h>

struct pbx {
    int registered, unregistered, freed;
    char page[4096];
};

static void on_log(void *pbx, int32_t level, const char *subject, const char *message)
{
    (void)pbx;
    fprintf(stderr, "%d %s: %s\n", (int)level, subject, message);
}

static void on_request(void *pbx, const ariws_request *request)
{
    (void)pbx;
    (void)request;
}

static int32_t on_register(void *pbx, const char *app, int32_t subscribe_all)
{
    (void)subscribe_all;
    ((struct pbx *)pbx)->registered += strcmp(app, "voicebot") == 0;
    return ARIWS_APP_REGISTERED;
}

static void on_unregister(void *pbx, const char *app)
{
    ((struct pbx *)pbx)->unregistered += strcmp(app, "voicebot") == 0;
}

static int32_t on_is_registered(void *pbx, const char *app)
{
    (void)pbx;
    (void)app;
    return 0;
}

static int32_t on_context_create(void *pbx, const char *context, const char *app)
{
    (void)pbx;
    (void)context;
    (void)app;
    return ARIWS_CONTEXT_CREATED;
}

static void on_context_destroy(void *pbx, const char *context)
{
    (void)pbx;
    (void)context;
}

static void on_stasis_failed(void *pbx, const char *channel_id, const char *application)
{
    (void)pbx;
    (void)channel_id;
    (void)application;
}

static void on_finalize(void *pbx)
{
    ((struct pbx *)pbx)->freed++;
}

static void on_output(void *page, const char *text, size_t length)
{
    char *end = (char *)page + strlen((char *)page);
    if (length < sizeof((struct pbx *)0)->page - (size_t)(end - (char *)page)) {
        memcpy(end, text, length);
        end[length] = '\0';
    }
}

int main(int count, char **arguments)
{
    const char *words[] = {"ari", "show", "outbound-websockets"};
    struct pbx pbx = {0, 0, 0, ""};
    char why[256];
    ariws_instance *library;
    ariws_host host = ARIWS_HOST_INIT;
    ariws_options options = ARIWS_OPTIONS_INIT;

    host.userdata = &pbx;
    host.log = on_log;
    host.ari_request = on_request;
    host.app_register = on_register;
    host.app_unregister = on_unregister;
    host.app_is_registered = on_is_registered;
    host.context_create = on_context_create;
    host.context_destroy = on_context_destroy;
    host.stasis_failed = on_stasis_failed;
    host.finalize = on_finalize;
    options.config_directory = count > 1 ? arguments[1] : ".";
    options.asterisk_id = "02:00:00:00:00:01";

    if (strcmp(ariws_version(), ARIWS_VERSION) != 0 || ariws_abi_version() != ARIWS_ABI_VERSION) {
        return fprintf(stderr, "the header is of %s, the library of %s\n", ARIWS_VERSION, ariws_version()), 1;
    }
    if (ariws_load(&host, &options, NULL, NULL, &library, why, sizeof why) != ARIWS_OK) {
        return fprintf(stderr, "load: %s\n", why), 1;
    }
    if (ariws_cli_execute(library, words, 3, on_output, pbx.page) != ARIWS_OK || !strstr(pbx.page, "voicebot")) {
        return fprintf(stderr, "no connection is shown: %s\n", pbx.page), 1;
    }
    if (ariws_unload(library, 2000) != ARIWS_OK) {
        return fprintf(stderr, "unload fails\n"), 1;
    }
    if (pbx.registered != 1 || pbx.unregistered != 1 || pbx.freed != 1) {
        return fprintf(stderr, "called %d, %d and %d times\n", pbx.registered, pbx.unregistered, pbx.freed), 1;
    }
    printf("ariws %s was loaded, called and unloaded\n", ariws_version());
    return 0;
}
