/*
 * SIGINT and SIGTERM: an orderly end.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "signals.h"

#include "log.h"
#include "minipbx.h"

#include <signal.h>
#include <unistd.h>

static sigset_t waited;
static pthread_t thread;
static int descriptors[2] = {-1, -1};
/* Written before the signal that makes the thread look at it. */
static volatile bool thread_stops;

static void *signals_main(void *data)
{
    struct pbx *pbx = data;
    int number = 0;
    int seen = 0;
    while (sigwait(&waited, &number) == 0 && !thread_stops) {
        if (number == SIGUSR1) {
            continue;
        }
        if (++seen > 1) {
            /* Somebody insists. */
            _exit(128 + number);
        }
        log_line(ARIWS_LOG_NOTICE, "", "signal %d: ending", number);
        pthread_mutex_lock(&pbx->lock);
        pbx->stopping = true;
        pthread_cond_broadcast(&pbx->changed);
        pthread_mutex_unlock(&pbx->lock);
        ssize_t written = write(descriptors[1], "", 1);
        (void)written;
    }
    return NULL;
}

void signals_block(void)
{
    struct sigaction ignore;
    sigemptyset(&ignore.sa_mask);
    ignore.sa_flags = 0;
    ignore.sa_handler = SIG_IGN;
    /* Who reads our output may go away before we do. */
    sigaction(SIGPIPE, &ignore, NULL);
    sigemptyset(&waited);
    sigaddset(&waited, SIGINT);
    sigaddset(&waited, SIGTERM);
    sigaddset(&waited, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &waited, NULL);
}

bool signals_start(struct pbx *pbx)
{
    if (pipe(descriptors) != 0) {
        return false;
    }
    if (pthread_create(&thread, NULL, signals_main, pbx) != 0) {
        close(descriptors[0]);
        close(descriptors[1]);
        descriptors[0] = -1;
        return false;
    }
    return true;
}

void signals_stop(void)
{
    if (descriptors[0] < 0) {
        return;
    }
    thread_stops = true;
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, NULL);
    close(descriptors[0]);
    close(descriptors[1]);
    descriptors[0] = -1;
}

int signals_descriptor(void)
{
    return descriptors[0];
}
