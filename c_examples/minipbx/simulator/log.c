/*
 * The log and the lines about calls.
 *
 * Most lines are made under pbx->lock, and whoever reads them may stop: a terminal after Ctrl-S, a full pipe. So they
 * are queued, and one thread writes them, whole and in order. When too many wait, the newest are dropped and counted.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "log.h"

#include "ariws.h"
#include "clock.h"
#include "text.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAXIMUM_LINES 100000

struct line {
    struct line *next;
    FILE *file;
    char *text;
};

/* Set once before any thread starts, only read afterwards. */
static int64_t started_us;
static int highest = ARIWS_LOG_INFO;
static bool calls_shown = true;
static bool events_shown;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static pthread_t writer;
static struct line *first;
static struct line *last;
static size_t waiting;
static size_t dropped;
static bool running;

static void *write_lines(void *data)
{
    pthread_mutex_lock(&lock);
    while (running || first != NULL) {
        struct line *line = first;
        if (line == NULL) {
            pthread_cond_wait(&filled, &lock);
            continue;
        }
        first = line->next;
        waiting--;
        size_t gap = dropped;
        dropped = 0;
        pthread_mutex_unlock(&lock);
        fprintf(line->file, "%s\n", line->text);
        if (gap > 0) {
            fprintf(line->file, "... %zu lines were dropped: nobody read them\n", gap);
        }
        free(line->text);
        free(line);
        pthread_mutex_lock(&lock);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

bool log_start(int highest_level)
{
    started_us = clock_now_us();
    highest = highest_level;
    running = true;
    return pthread_create(&writer, NULL, write_lines, NULL) == 0;
}

void log_stop(void)
{
    pthread_mutex_lock(&lock);
    running = false;
    pthread_cond_signal(&filled);
    pthread_mutex_unlock(&lock);
    pthread_join(writer, NULL);
}

/* Takes the text over. */
static void put(FILE *file, char *text)
{
    struct line *line = memory_get(1, sizeof *line);
    line->file = file;
    line->text = text;
    pthread_mutex_lock(&lock);
    if (waiting >= MAXIMUM_LINES) {
        dropped++;
        free(line->text);
        free(line);
    } else {
        if (first == NULL) {
            first = line;
        } else {
            last->next = line;
        }
        last = line;
        waiting++;
        pthread_cond_signal(&filled);
    }
    pthread_mutex_unlock(&lock);
}

static const char *level_name(int level)
{
    switch (level) {
    case ARIWS_LOG_ERROR:
        return "ERROR";
    case ARIWS_LOG_WARNING:
        return "WARNING";
    case ARIWS_LOG_NOTICE:
        return "NOTICE";
    case ARIWS_LOG_INFO:
        return "INFO";
    default:
        return "DEBUG";
    }
}

void log_line(int level, const char *subject, const char *format, ...)
{
    if (level > highest) {
        return;
    }
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    double elapsed = (double)(clock_now_us() - started_us) / 1000.0;
    struct text line = {0};
    text_format(&line, "%10.3f %-7s %s%s%s", elapsed, level_name(level), subject, *subject == '\0' ? "" : ": ",
                message);
    put(stderr, line.data);
}

void show_calls(bool yes)
{
    calls_shown = yes;
}

void call_line(const char *format, ...)
{
    if (!calls_shown) {
        return;
    }
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    put(stdout, copy_string(message));
}

void show_events(bool yes)
{
    events_shown = yes;
}

void event_line(const char *application, const char *json, size_t length)
{
    if (events_shown) {
        struct text line = {0};
        text_format(&line, "event %s %.*s", application, (int)length, json);
        put(stdout, line.data);
    }
}
