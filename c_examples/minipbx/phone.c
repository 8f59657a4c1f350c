/*
 * The caller's phone.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "phone.h"

#include "channel.h"
#include "events.h"
#include "log.h"
#include "playback.h"

#include <string.h>

bool phone_digits_valid(const char *digits)
{
    return *digits != '\0' && strspn(digits, "0123456789*#ABCDabcd") == strlen(digits);
}

int64_t phone_due(const struct channel *channel)
{
    const struct phone *phone = &channel->phone;
    if (phone->digits == NULL || phone->digits[phone->pressed] == '\0' || channel->hung_up) {
        return CLOCK_NEVER;
    }
    if (phone->next_at != CLOCK_NEVER) {
        return phone->next_at;
    }
    if (channel->played_at != CLOCK_NEVER) {
        return channel->played_at + PHONE_DIGIT_MS;
    }
    if (channel->answered_at != CLOCK_NEVER && channel->playbacks == NULL) {
        return channel->answered_at + PHONE_PATIENCE_MS;
    }
    return CLOCK_NEVER;
}

void phone_press_due(struct channel *channel)
{
    struct phone *phone = &channel->phone;
    while (phone_due(channel) <= clock_now()) {
        char digit[2] = {phone->digits[phone->pressed++], '\0'};
        phone->next_at = clock_now() + PHONE_DIGIT_MS;
        call_line("call %s presses %s", channel->id, digit);
        event_channel_dtmf(channel, digit);
    }
}
