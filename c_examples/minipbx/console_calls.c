/*
 * Console: calls.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "console.h"

#include "events.h"
#include "originate.h"
#include "pbx.h"
#include "phone.h"

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
    (void)count;
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
    (void)count;
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
