/*
 * Console: `events`, many numbered events for one application, to watch what becomes of them.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "console.h"

#include "events.h"
#include "pbx.h"

#include <stdio.h>

bool console_events(struct pbx *pbx, char **words, size_t count)
{
    long events;
    long per_second = 0;
    char name[24];
    bool known = true;
    if (!parse_number(words[1], 1, 10000000, &events)) {
        return console_fail("%s is no number of events", words[1]);
    }
    if (count > 2 && !parse_number(words[2], 1, 1000000, &per_second)) {
        return console_fail("%s is no number of events a second", words[2]);
    }
    pthread_mutex_lock(&pbx->lock);
    int64_t began_us = clock_now_us();
    for (long number = 0; number < events && known && !pbx->stopping; number++) {
        int64_t due_us = per_second == 0 ? began_us : began_us + number * 1000000 / per_second;
        while (clock_now_us() < due_us && !pbx->stopping) {
            clock_wait(&pbx->changed, &pbx->lock, due_us / 1000 + 1);
        }
        snprintf(name, sizeof name, "%ld", number);
        known = event_user(pbx, words[0], name, NULL, NULL);
    }
    pthread_mutex_unlock(&pbx->lock);
    return known || console_fail("nobody has registered the application %s", words[0]);
}
