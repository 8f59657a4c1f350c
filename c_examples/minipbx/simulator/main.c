/*
 * minipbx: a small PBX that loads libariws.so. It has channels, a dialplan, Stasis and a part of ARI; its calls are
 * simulated, so nothing is heard. It shows how a PBX embeds the library, which is all in host/, and tests use it.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "channel.h"
#include "console.h"
#include "log.h"
#include "metrics.h"
#include "minipbx.h"
#include "signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    struct settings settings;
    /* The lines of --command, in order. */
    const char **commands;
    size_t command_count;
    /* Where metrics are served; -1 if nowhere. */
    long metrics_port;
    int log_level;
    bool quiet;
    bool events;
};

static void usage(FILE *file)
{
    fprintf(file, "usage: minipbx --library PATH --config DIR [options]\n"
                  "  --library PATH       libariws.so\n"
                  "  --config DIR         the folder with ari.conf and websocket_client.conf\n"
                  "  --extensions FILE    the dialplan; without it there are only the contexts of the library\n"
                  "  --command LINE       run this console line and end; may be given several times\n"
                  "  --quiet              no lines about calls, and only warnings and errors in the log\n"
                  "  --verbose            everything in the log\n"
                  "  --events             a line about each event, with its JSON\n"
                  "  --blocking-start     use ariws_stasis_start instead of ariws_stasis_start_async\n"
                  "  --give-config        read the files and give them to the library, which gets no folder\n"
                  "  --playback-ms N      how long a sound plays (100)\n"
                  "  --grace-ms N         how long unloading may take (2000)\n"
                  "  --metrics PORT       serve metrics at http://127.0.0.1:PORT/metrics; 0 takes a free port\n"
                  "Without --command, lines are read from standard input; help lists the commands.\n");
}

/* Options with a value. */
static bool set_value(struct options *options, const char *name, const char *value)
{
    if (strcmp(name, "--library") == 0) {
        options->settings.library = value;
    } else if (strcmp(name, "--config") == 0) {
        options->settings.config = value;
    } else if (strcmp(name, "--extensions") == 0) {
        options->settings.extensions = value;
    } else if (strcmp(name, "--command") == 0) {
        options->commands[options->command_count++] = value;
    } else if (strcmp(name, "--playback-ms") == 0) {
        return parse_number(value, 0, 3600000, &options->settings.playback_ms);
    } else if (strcmp(name, "--grace-ms") == 0) {
        return parse_number(value, 0, 3600000, &options->settings.grace_ms);
    } else if (strcmp(name, "--metrics") == 0) {
        return parse_number(value, 0, 65535, &options->metrics_port);
    } else {
        return false;
    }
    return true;
}

static bool parse_options(int count, char **arguments, struct options *options)
{
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--quiet") == 0) {
            options->quiet = true;
            options->log_level = ARIWS_LOG_WARNING;
        } else if (strcmp(arguments[i], "--verbose") == 0) {
            options->log_level = ARIWS_LOG_DEBUG;
        } else if (strcmp(arguments[i], "--events") == 0) {
            options->events = true;
        } else if (strcmp(arguments[i], "--blocking-start") == 0) {
            options->settings.blocking_start = true;
        } else if (strcmp(arguments[i], "--give-config") == 0) {
            options->settings.gives_config = true;
        } else if (i + 1 < count && set_value(options, arguments[i], arguments[i + 1])) {
            i++;
        } else {
            fprintf(stderr, "minipbx: what is \"%s\"?\n", arguments[i]);
            return false;
        }
    }
    return options->settings.library != NULL && options->settings.config != NULL;
}

static bool load(struct pbx *pbx, int log_level)
{
    ariws_options options = ARIWS_OPTIONS_INIT;
    options.config_directory = pbx->settings.gives_config ? NULL : pbx->settings.config;
    options.asterisk_id = MINIPBX_ENTITY_ID;
    options.product = "minipbx/" ARIWS_VERSION;
    /* What nobody would read is not even made. */
    options.log_level = log_level;
    return host_load(&pbx->host, &options);
}

static bool unload(struct pbx *pbx)
{
    if (!host_unload(&pbx->host, (uint32_t)pbx->settings.grace_ms)) {
        return false;
    }
    if (!pbx->finalized) {
        log_line(ARIWS_LOG_ERROR, "", "the library did not call finalize");
        return false;
    }
    return true;
}

static bool run_console(struct pbx *pbx, const struct options *options)
{
    bool good = true;
    size_t i = 0;
    for (; i < options->command_count && !console_done() && !pbx_is_stopping(pbx); i++) {
        good = console_execute(pbx, options->commands[i]) && good;
    }
    if (i < options->command_count && !console_done()) {
        good = console_fail("interrupted before \"%s\"", options->commands[i]);
    }
    if (options->command_count == 0) {
        console_interactive(pbx);
    }
    return good;
}

int main(int argument_count, char **arguments)
{
    struct pbx pbx;
    struct options options;
    int status = EXIT_FAILURE;

    memset(&options, 0, sizeof options);
    options.commands = memory_get((size_t)argument_count, sizeof *options.commands);
    options.log_level = ARIWS_LOG_INFO;
    options.metrics_port = -1;
    options.settings.playback_ms = 100;
    options.settings.grace_ms = 2000;
    if (!parse_options(argument_count, arguments, &options)) {
        usage(stderr);
        free(options.commands);
        return 2;
    }
    show_calls(!options.quiet);
    show_events(options.events);
    /* Whoever reads our output through a pipe gets each line when it is written. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* Signals are for a thread of their own, so they are blocked before the first thread starts. */
    signals_block();
    if (!log_start(options.log_level)) {
        fprintf(stderr, "no thread for the log\n");
        free(options.commands);
        return EXIT_FAILURE;
    }
    pbx_init(&pbx, &options.settings);

    if (!signals_start(&pbx) || !host_open(&pbx.host, &pbx, options.settings.library)) {
        goto cleanup;
    }
    if (options.settings.extensions != NULL && !dialplan_load(&pbx.dialplan, options.settings.extensions)) {
        goto cleanup;
    }
    if (!load(&pbx, options.log_level)) {
        goto cleanup;
    }
    bool good = options.metrics_port < 0 || metrics_start(&pbx, options.metrics_port);
    if (good && run_console(&pbx, &options)) {
        status = EXIT_SUCCESS;
    }
    metrics_stop();
    /* No channel may be inside the library when it is unloaded. */
    pbx_stop(&pbx);
    if (!unload(&pbx)) {
        status = EXIT_FAILURE;
    }
    /* Requests that came while it unloaded may have started threads. */
    pbx_stop(&pbx);

cleanup:
    host_close(&pbx.host);
    signals_stop();
    pbx_free(&pbx);
    log_stop();
    free(options.commands);
    return status;
}

void pbx_init(struct pbx *pbx, const struct settings *settings)
{
    memset(pbx, 0, sizeof *pbx);
    pthread_mutex_init(&pbx->lock, NULL);
    clock_condition_init(&pbx->changed);
    clock_timestamp(pbx->start_time);
    pbx->settings = *settings;
}

bool pbx_is_stopping(struct pbx *pbx)
{
    pthread_mutex_lock(&pbx->lock);
    bool stopping = pbx->stopping;
    pthread_mutex_unlock(&pbx->lock);
    return stopping;
}

void pbx_stop(struct pbx *pbx)
{
    pthread_mutex_lock(&pbx->lock);
    pbx->stopping = true;
    pthread_cond_broadcast(&pbx->changed);
    for (struct channel *channel = pbx->channels; channel != NULL; channel = channel->next) {
        channel_hangup(channel, CAUSE_NORMAL, CAUSE_NORMAL);
    }
    threads_join(pbx);
    pthread_mutex_unlock(&pbx->lock);
}

void pbx_free(struct pbx *pbx)
{
    inbound_free(pbx);
    applications_free(&pbx->applications);
    dialplan_free(&pbx->dialplan);
    variables_free(&pbx->globals);
    pthread_cond_destroy(&pbx->changed);
    pthread_mutex_destroy(&pbx->lock);
}
