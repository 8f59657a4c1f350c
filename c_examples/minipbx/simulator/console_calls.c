/*
 * Console: calls, and what there is.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "console.h"

#include "ari_events.h"
#include "channel.h"
#include "minipbx.h"
#include "originate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "extension@context", cut in place; without a context it is "default". */
bool console_place(const char *word, char **extension, char **context)
{
    const char *at = strchr(word, '@');
    size_t length = at == NULL ? strlen(word) : (size_t)(at - word);
    if (length == 0 || (at != NULL && at[1] == '\0')) {
        return console_fail("\"%s\" is not extension@context", word);
    }
    *extension = copy_bytes(word, length);
    *context = copy_string(at == NULL ? "default" : at + 1);
    return true;
}

bool console_dial(struct pbx *pbx, char **words, size_t count)
{
    char *extension;
    char *context;
    const char *digits = count > 1 ? words[1] : NULL;
    if (digits != NULL && !phone_digits_valid(digits)) {
        return console_fail("a phone has no \"%s\"", digits);
    }
    if (!console_place(words[0], &extension, &context)) {
        return false;
    }
    bool good = true;
    pthread_mutex_lock(&pbx->lock);
    if (dialplan_find(&pbx->dialplan, context, extension, 1) == NULL) {
        good = console_fail("no extension %s in context %s", extension, context);
    } else {
        const struct channel *channel = call_in(pbx, extension, context, digits, NULL);
        if (channel == NULL) {
            good = console_fail("the call could not be placed");
        } else {
            printf("%s %s\n", channel->id, channel->name);
        }
    }
    pthread_mutex_unlock(&pbx->lock);
    free(extension);
    free(context);
    return good;
}

bool console_hangup(struct pbx *pbx, char **words, size_t count)
{
    bool good = true;
    pthread_mutex_lock(&pbx->lock);
    if (strcmp(words[0], "all") == 0) {
        for (struct channel *channel = pbx->channels; channel != NULL; channel = channel->next) {
            channel_hangup(channel, CAUSE_NORMAL, CAUSE_NORMAL);
        }
    } else {
        struct channel *channel = channel_named(pbx, words[0]);
        if (channel == NULL) {
            good = console_fail("no channel %s", words[0]);
        } else {
            channel_hangup(channel, CAUSE_NORMAL, CAUSE_NORMAL);
        }
    }
    pthread_mutex_unlock(&pbx->lock);
    return good;
}

bool console_dtmf(struct pbx *pbx, char **words, size_t count)
{
    bool good = true;
    if (!phone_digits_valid(words[1])) {
        return console_fail("a phone has no \"%s\"", words[1]);
    }
    pthread_mutex_lock(&pbx->lock);
    struct channel *channel = channel_named(pbx, words[0]);
    if (channel == NULL || channel->hung_up) {
        good = console_fail("no channel %s", words[0]);
    } else {
        for (const char *at = words[1]; *at != '\0'; at++) {
            char digit[2] = {*at, '\0'};
            event_channel_dtmf(channel, digit);
        }
    }
    pthread_mutex_unlock(&pbx->lock);
    return good;
}

/* Gathered under the lock, written without it: standard output may be a slow terminal. */
static void write_out(struct text *text)
{
    printf("%s", text_string(text));
    text_free(text);
}

bool console_show_channels(struct pbx *pbx, char **words, size_t count)
{
    struct text text = {0};
    pthread_mutex_lock(&pbx->lock);
    text_format(&text, "%-32s %-20s %-8s %-28s %s\n", "Channel", "Id", "State", "Place", "Application");
    for (const struct channel *channel = pbx->channels; channel != NULL; channel = channel->next) {
        struct text place = {0};
        text_format(&place, "%s@%s:%d", channel->extension, channel->context, channel->priority);
        text_format(&text, "%-32s %-20s %-8s %-28s %s", channel->name, channel->id, channel_state_name(channel->state),
                    text_string(&place), channel->app_name);
        text_format(&text, "(%s)%s%s\n", channel->app_data, channel->application == NULL ? "" : " in ",
                    channel->application == NULL ? "" : channel->application);
        text_free(&place);
    }
    text_format(&text, "%zu channels\n", pbx->channel_count);
    pthread_mutex_unlock(&pbx->lock);
    write_out(&text);
    return true;
}

bool console_show_dialplan(struct pbx *pbx, char **words, size_t count)
{
    struct text text = {0};
    bool good = true;
    pthread_mutex_lock(&pbx->lock);
    if (count > 0) {
        const struct context *context = dialplan_context(&pbx->dialplan, words[0]);
        if (context == NULL) {
            good = console_fail("no context %s", words[0]);
        } else {
            dialplan_write(context, &text);
        }
    } else {
        for (const struct context *context = pbx->dialplan.first; context != NULL; context = context->next) {
            dialplan_write(context, &text);
        }
    }
    pthread_mutex_unlock(&pbx->lock);
    write_out(&text);
    return good;
}

bool console_show_applications(struct pbx *pbx, char **words, size_t count)
{
    struct text text = {0};
    pthread_mutex_lock(&pbx->lock);
    text_format(&text, "%-48s %-16s %s\n", "Application", "Owner", "Events of");
    for (const struct application *application = pbx->applications.first; application != NULL;
         application = application->next) {
        text_format(&text, "%-48s %-16s %s\n", application->name,
                    application->owner == NULL ? "ariws" : application->owner,
                    application->subscribe_all ? "every channel" : "its channels");
    }
    pthread_mutex_unlock(&pbx->lock);
    write_out(&text);
    return true;
}
