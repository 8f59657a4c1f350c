/*
 * A channel while its connection is being made: what it receives is read, and dropped but for digits, so that nothing
 * piles up and a hang-up is seen at once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include "asterisk/framehook.h"
#include "asterisk/linkedlists.h"

/* Digits that the caller dialled while the connection was being made, the last one first. The application gets them
   when the channel is in Stasis. They are taken before Asterisk tells anybody of them, which it does when they are read
   again. */
struct digits {
    AST_LIST_HEAD_NOLOCK(, ast_frame) frames;
};

static void digits_destroy(void *object)
{
    struct digits *digits = object;
    struct ast_frame *frame;

    while ((frame = AST_LIST_REMOVE_HEAD(&digits->frames, frame_list))) {
        ast_frfree(frame);
    }
}

static struct ast_frame *digits_take(struct ast_channel *chan, struct ast_frame *frame, enum ast_framehook_event event,
                                     void *data)
{
    struct digits *digits = data;
    struct ast_frame *copy;

    if (event != AST_FRAMEHOOK_EVENT_READ || !frame ||
        (frame->frametype != AST_FRAME_DTMF_BEGIN && frame->frametype != AST_FRAME_DTMF_END)) {
        return frame;
    }
    /* Asterisk makes a beginning for an end that has none, at its length; of both at once it would make a digit of no
       length. */
    if (frame->frametype == AST_FRAME_DTMF_END && (copy = ast_frdup(frame))) {
        AST_LIST_INSERT_HEAD(&digits->frames, copy, frame_list);
    }
    /* What the channel gave in one piece with it. */
    if (AST_LIST_NEXT(frame, frame_list)) {
        ast_queue_frame(chan, AST_LIST_NEXT(frame, frame_list));
    }
    ast_frfree(frame);
    return &ast_null_frame;
}

static int digits_want(void *data, enum ast_frame_type type)
{
    return type == AST_FRAME_DTMF_BEGIN || type == AST_FRAME_DTMF_END;
}

static void digits_release(void *data)
{
    ao2_cleanup(data);
}

/* Takes the digits from here on; gives the hook, which digits_give_back ends. */
static int digits_keep(struct ast_channel *chan, struct digits *digits)
{
    struct ast_framehook_interface hook = {
        .version = AST_FRAMEHOOK_INTERFACE_VERSION,
        .event_cb = digits_take,
        .destroy_cb = digits_release,
        .consume_cb = digits_want,
        .disable_inheritance = 1,
        .data = ao2_bump(digits),
    };
    int id;

    ast_channel_lock(chan);
    id = ast_framehook_attach(chan, &hook);
    ast_channel_unlock(chan);
    if (id < 0) {
        ao2_ref(digits, -1);
    }
    return id;
}

/* In the order in which they were dialled, before what has come since. */
static void digits_give_back(struct ast_channel *chan, struct digits *digits, int hook)
{
    struct ast_frame *frame;

    ast_channel_lock(chan);
    ast_framehook_detach(chan, hook);
    while ((frame = AST_LIST_REMOVE_HEAD(&digits->frames, frame_list))) {
        ast_queue_frame_head(chan, frame);
        ast_frfree(frame);
    }
    ast_channel_unlock(chan);
}

/* Returns -1 if the channel is to leave first. */
static int serve_until(struct ast_channel *chan, int event)
{
    while (!ast_check_hangup(chan)) {
        int ready = -1;
        int left = INT_MAX;
        struct ast_channel *readable = ast_waitfor_nandfds(&chan, 1, &event, 1, NULL, &ready, &left);
        struct ast_frame *frame;

        if (ready >= 0) {
            return 0;
        }
        if (left < 0) {
            return -1;
        }
        if (!readable) {
            continue;
        }
        frame = ast_read(chan);
        if (!frame) {
            return -1;
        }
        ast_frfree(frame);
    }
    return -1;
}

int channel_wait(struct ast_channel *chan, int event)
{
    struct digits *digits = ao2_alloc(sizeof(*digits), digits_destroy);
    int hook = digits ? digits_keep(chan, digits) : -1;
    int result = serve_until(chan, event);

    if (hook >= 0) {
        digits_give_back(chan, digits, hook);
    }
    ao2_cleanup(digits);
    return result;
}
