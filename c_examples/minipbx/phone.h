/*
 * The caller's phone, which presses digits by itself: `dial … [digits]` and `calls … [digits]` give them.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * It behaves like somebody who listens first: it starts when the first playback has ended, or, if nothing is played
 * within half a second after the answer, then. The digits are 50 ms apart.
 */
#ifndef MINIPBX_PHONE_H
#define MINIPBX_PHONE_H

#include <stdbool.h>
#include <stdint.h>

struct channel;

#define PHONE_DIGIT_MS 50
#define PHONE_PATIENCE_MS 500

/* Digits that a phone has, and nothing else. */
bool phone_digits_valid(const char *digits);
/* When the next digit is to be pressed; CLOCK_NEVER if none is left or it is not known yet. */
int64_t phone_due(const struct channel *channel);
void phone_press_due(struct channel *channel);

#endif
