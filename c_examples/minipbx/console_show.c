/*
 * Console: what there is.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "console.h"

#include "channel.h"
#include "pbx.h"

#include <stdio.h>

/* Gathered under the lock, written without it: standard output may be a slow terminal. */
static void write_out(struct text *text)
{
    printf("%s", text_string(text));
    text_free(text);
}

bool console_show_channels(struct pbx *pbx, char **words, size_t count)
{
    struct text text = {0};
    (void)words;
    (void)count;
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
    (void)words;
    (void)count;
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
