/*
 * Who is inside, so that nothing is unloaded that is still used.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

/* Threads of Asterisk's and the library's that are in code of the module, or that wait in Asterisk for a lock which the
   unloading of modules holds; channels that run Stasis(). */
static struct {
    enum {
        GATE_OPEN,
        /* The module may be about to be unloaded, or not: a channel that comes keeps it. */
        GATE_CLOSING,
        GATE_CLOSED,
    } state;
    int threads;
    int channels;
} gate;

AST_MUTEX_DEFINE_STATIC(gate_lock);
static ast_cond_t gate_changed = PTHREAD_COND_INITIALIZER;

int gate_enter(void)
{
    int closed;

    ast_mutex_lock(&gate_lock);
    closed = gate.state != GATE_OPEN;
    if (!closed) {
        gate.threads++;
    }
    ast_mutex_unlock(&gate_lock);
    return closed ? -1 : 0;
}

void gate_leave(void)
{
    ast_mutex_lock(&gate_lock);
    if (!--gate.threads) {
        ast_cond_signal(&gate_changed);
    }
    ast_mutex_unlock(&gate_lock);
}

int gate_enter_channel(void)
{
    int closed;

    ast_mutex_lock(&gate_lock);
    closed = gate.state == GATE_CLOSED;
    if (!closed) {
        gate.channels++;
        ast_cond_signal(&gate_changed);
    }
    ast_mutex_unlock(&gate_lock);
    return closed ? -1 : 0;
}

void gate_leave_channel(void)
{
    ast_mutex_lock(&gate_lock);
    gate.channels--;
    ast_mutex_unlock(&gate_lock);
}

void gate_open(void)
{
    ast_mutex_lock(&gate_lock);
    gate.state = GATE_OPEN;
    ast_mutex_unlock(&gate_lock);
}

struct timespec deadline_after(int seconds)
{
    struct timeval end = ast_tvadd(ast_tvnow(), ast_tv(seconds, 0));
    struct timespec deadline = {.tv_sec = end.tv_sec, .tv_nsec = end.tv_usec * 1000};

    return deadline;
}

int gate_close(void)
{
    struct timespec deadline = deadline_after(LEAVE_SECONDS);
    int channels;
    int threads;

    ast_mutex_lock(&gate_lock);
    if (!gate.channels) {
        gate.state = GATE_CLOSING;
    }
    while (gate.threads && !gate.channels && !ast_cond_timedwait(&gate_changed, &gate_lock, &deadline)) {
    }
    channels = gate.channels;
    threads = gate.threads;
    if (!channels && !threads) {
        gate.state = GATE_CLOSED;
    } else if (!ast_shutting_down()) {
        gate.state = GATE_OPEN;
    }
    ast_mutex_unlock(&gate_lock);
    if (channels) {
        ast_log(LOG_WARNING, "Not unloaded: %d channel%s in Stasis\n", channels, channels == 1 ? " is" : "s are");
    } else if (threads) {
        ast_log(LOG_WARNING, "Not unloaded: a request or a command is under way\n");
    }
    return channels || threads ? -1 : 0;
}
