/*
 * bench_pump: gives a Stasis application events as fast as it takes them, for `make bench-asterisk`.
 *
 * Copyright (C) 2026, the ariws authors
 *
 * This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation, either version 2 of the License, or (at your option) any later
 * version. It is distributed WITHOUT ANY WARRANTY; see the GNU General Public License for more details.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

/*** MODULEINFO
    <depend>res_stasis</depend>
    <support_level>extended</support_level>
 ***/

#define AST_MODULE "bench_pump"
#define AST_MODULE_SELF_SYM __internal_bench_pump_self

#include "asterisk.h"

#include <time.h>

#include "asterisk/cli.h"
#include "asterisk/json.h"
#include "asterisk/module.h"
#include "asterisk/stasis_app.h"
#include "asterisk/utils.h"

#define NANOSECONDS 1000000000LL
#define MOST_BYTES 60000

/* What another command line may look at while one pumps: how many calls have returned, and when the present one
   began. */
static struct {
    long calls;
    long long since;
} progress;

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

static int compare(const void *left, const void *right)
{
    long long a = *(const long long *)left, b = *(const long long *)right;

    return (a > b) - (a < b);
}

/* An event like those of channels, with everything that Asterisk adds to one. */
static struct ast_json *event_create(const char *application, const char *padding)
{
    char id[20];

    ast_eid_to_str(id, sizeof(id), &ast_eid_default);
    return ast_json_pack("{s: s, s: o, s: s, s: s, s: s, s: {s: s}}", "type", "ChannelUserevent", "timestamp",
                         ast_json_timeval(ast_tvnow(), NULL), "application", application, "asterisk_id", id,
                         "eventname", "pump", "userevent", "padding", padding);
}

/* One whose text has so many bytes; NULL if that is too few for it. */
static struct ast_json *event_of_size(const char *application, size_t bytes)
{
    struct ast_json *event = event_create(application, "");
    char *text = event ? ast_json_dump_string(event) : NULL;
    char padding[MOST_BYTES];
    size_t least = text ? strlen(text) : 0;

    ast_json_free(text);
    ast_json_unref(event);
    if (!least || bytes < least || bytes - least >= sizeof(padding)) {
        return NULL;
    }
    memset(padding, 'x', bytes - least);
    padding[bytes - least] = '\0';
    return event_create(application, padding);
}

/* Sends until the count or the time is reached, and notes how long each call took. */
static long pump(const char *application, struct ast_json *event, long count, long long end, long long *times)
{
    long sent;

    for (sent = 0; sent < count; sent++) {
        long long begin = now();

        if (begin >= end) {
            break;
        }
        __atomic_store_n(&progress.since, begin, __ATOMIC_RELAXED);
        stasis_app_send(application, event);
        times[sent] = now() - begin;
        __atomic_store_n(&progress.calls, sent + 1, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&progress.since, 0, __ATOMIC_RELAXED);
    return sent;
}

static double part_of(const long long *times, long count, double part)
{
    return count ? (double)times[(long)((double)(count - 1) * part)] / NANOSECONDS : 0;
}

static char *send_events(int fd, const char *application, long count, size_t bytes, int seconds)
{
    struct ast_json *event = event_of_size(application, bytes);
    long long *times = ast_calloc(count, sizeof(*times));
    long long begin;
    double took;
    long sent;

    if (!event || !times) {
        ast_cli(fd, "No event of %zu bytes\n", bytes);
        ast_json_unref(event);
        ast_free(times);
        return CLI_FAILURE;
    }
    begin = now();
    sent = pump(application, event, count, begin + seconds * NANOSECONDS, times);
    took = (double)(now() - begin) / NANOSECONDS;
    qsort(times, sent, sizeof(*times), compare);
    ast_cli(fd, "{\"calls\": %ld, \"seconds\": %.6f, \"p50\": %.9f, \"p99\": %.9f, \"max\": %.9f}\n", sent, took,
            part_of(times, sent, 0.5), part_of(times, sent, 0.99), part_of(times, sent, 1));
    ast_json_unref(event);
    ast_free(times);
    return CLI_SUCCESS;
}

static char *command_send(struct ast_cli_entry *e, int cmd, struct ast_cli_args *a)
{
    long count;
    int bytes, seconds;

    switch (cmd) {
    case CLI_INIT:
        e->command = "pump send";
        e->usage =
            "Usage: pump send <application> <count> <bytes> <seconds>\n"
            "       Sends so many events to a Stasis application, for so long at most, and says in seconds how long\n"
            "       the sender was kept.\n";
        return NULL;
    case CLI_GENERATE:
        return NULL;
    default:
        break;
    }
    if (a->argc != 6 || (count = atol(a->argv[3])) < 1 || (bytes = atoi(a->argv[4])) < 1 ||
        (seconds = atoi(a->argv[5])) < 1) {
        return CLI_SHOWUSAGE;
    }
    return send_events(a->fd, a->argv[2], count, bytes, seconds);
}

static char *command_show(struct ast_cli_entry *e, int cmd, struct ast_cli_args *a)
{
    long long since;

    switch (cmd) {
    case CLI_INIT:
        e->command = "pump show";
        e->usage = "Usage: pump show\n"
                   "       Shows how far a 'pump send' is, and for how many seconds the present event has kept it.\n";
        return NULL;
    case CLI_GENERATE:
        return NULL;
    default:
        break;
    }
    since = __atomic_load_n(&progress.since, __ATOMIC_RELAXED);
    ast_cli(a->fd, "{\"calls\": %ld, \"kept\": %.6f}\n", __atomic_load_n(&progress.calls, __ATOMIC_RELAXED),
            since ? (double)(now() - since) / NANOSECONDS : 0);
    return CLI_SUCCESS;
}

static struct ast_cli_entry commands[] = {
    AST_CLI_DEFINE(command_send, "Send events to a Stasis application"),
    AST_CLI_DEFINE(command_show, "Show how far that is"),
};

static int unload_module(void)
{
    return ast_cli_unregister_multiple(commands, ARRAY_LEN(commands));
}

static int load_module(void)
{
    return ast_cli_register_multiple(commands, ARRAY_LEN(commands)) ? AST_MODULE_LOAD_DECLINE : AST_MODULE_LOAD_SUCCESS;
}

/* clang-format off */
AST_MODULE_INFO(ASTERISK_GPL_KEY, AST_MODFLAG_DEFAULT, "Events for benchmarks",
    .support_level = AST_MODULE_SUPPORT_EXTENDED,
    .load = load_module,
    .unload = unload_module,
    .requires = "res_stasis",
);
