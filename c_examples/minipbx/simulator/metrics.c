/*
 * The library's metrics over HTTP, for Prometheus.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A PBX with a web server of its own has a route there instead, with the same Content-Type. This one answers
 * GET /metrics, one request at a time, and waits a second at most for whoever is slow.
 */
#include "metrics.h"

#include "minipbx.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define LONGEST_REQUEST 4096

static pthread_t thread;
static int listener = -1;
/* Readable when the thread is to end. */
static int stops[2] = {-1, -1};

static void write_to_text(void *data, const char *text, size_t length)
{
    text_append(data, text, length);
}

/* The first line of a request, once all of its head has come. */
static bool read_request(int client, char *request)
{
    size_t length = 0;
    request[0] = '\0';
    while (strstr(request, "\r\n\r\n") == NULL) {
        ssize_t got = recv(client, request + length, LONGEST_REQUEST - 1 - length, 0);
        if (got <= 0) {
            return false;
        }
        length += (size_t)got;
        request[length] = '\0';
    }
    request[strcspn(request, "\r")] = '\0';
    return true;
}

static void respond(int client, const char *status, const char *type, const struct text *body)
{
    struct text response = {0};
    text_format(&response, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                status, type, body->length);
    text_append(&response, text_string(body), body->length);
    for (size_t sent = 0; sent < response.length;) {
        ssize_t count = send(client, response.data + sent, response.length - sent, MSG_NOSIGNAL);
        if (count <= 0) {
            break;
        }
        sent += (size_t)count;
    }
    text_free(&response);
}

static void serve(struct pbx *pbx, int client)
{
    char request[LONGEST_REQUEST];
    const struct timeval patience = {1, 0};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (!read_request(client, request)) {
        return;
    }
    struct text body = {0};
    if (strncmp(request, "GET /metrics ", strlen("GET /metrics ")) != 0) {
        text_add(&body, "GET /metrics is what there is\n");
        respond(client, "404 Not Found", "text/plain", &body);
    } else if (pbx->host.library.metrics(pbx->host.instance, write_to_text, &body) != ARIWS_OK) {
        respond(client, "503 Service Unavailable", "text/plain", &body);
    } else {
        respond(client, "200 OK", "application/openmetrics-text; version=1.0.0; charset=utf-8", &body);
    }
    text_free(&body);
}

static void *metrics_main(void *data)
{
    struct pbx *pbx = data;
    struct pollfd ready[2] = {{listener, POLLIN, 0}, {stops[0], POLLIN, 0}};
    while (poll(ready, 2, -1) > 0 && ready[1].revents == 0) {
        int client = accept(listener, NULL, NULL);
        if (client >= 0) {
            serve(pbx, client);
            close(client);
        }
    }
    return NULL;
}

static void close_all(void)
{
    close(listener);
    listener = -1;
    close(stops[0]);
    close(stops[1]);
    stops[0] = -1;
    stops[1] = -1;
}

bool metrics_start(struct pbx *pbx, long port)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    const int yes = 1;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0 || pipe(stops) != 0 ||
        pthread_create(&thread, NULL, metrics_main, pbx) != 0) {
        perror("minipbx: no metrics");
        close_all();
        return false;
    }
    printf("metrics at http://127.0.0.1:%d/metrics\n", ntohs(address.sin_port));
    return true;
}

void metrics_stop(void)
{
    if (listener < 0) {
        return;
    }
    ssize_t written = write(stops[1], "", 1);
    (void)written;
    pthread_join(thread, NULL);
    close_all();
}
