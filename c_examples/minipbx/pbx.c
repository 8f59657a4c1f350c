/*
 * The PBX's beginning and end.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "pbx.h"

#include "channel.h"

#include <string.h>

void pbx_init(struct pbx *pbx, const struct settings *settings)
{
    memset(pbx, 0, sizeof *pbx);
    pthread_mutex_init(&pbx->lock, NULL);
    clock_condition_init(&pbx->changed);
    clock_timestamp(pbx->start_time);
    pbx->settings = *settings;
    outbox_init(&pbx->outbox);
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
    /* The last events must be with the library before ariws_unload begins, which takes no new ones. */
    outbox_flush(pbx);
    pthread_mutex_unlock(&pbx->lock);
}

void pbx_free(struct pbx *pbx)
{
    outbox_free(&pbx->outbox);
    inbound_free(pbx);
    applications_free(&pbx->applications);
    dialplan_free(&pbx->dialplan);
    variables_free(&pbx->globals);
    pthread_cond_destroy(&pbx->changed);
    pthread_mutex_destroy(&pbx->lock);
}
