/*
 * Metrics over Asterisk's HTTP server, for users of ARI.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include "asterisk/http.h"

static void metrics_write(struct ast_tcptls_session_instance *ser, enum ast_http_method method,
                          struct ast_variable *headers)
{
    struct ast_str *header = ast_str_create(128);
    struct ast_str *body = ast_str_create(8192);
    int status = 200;
    const char *title = "OK";

    if (!header || !body) {
        ast_free(header);
        ast_free(body);
        ast_http_error(ser, 500, "Server Error", "Out of memory");
        return;
    }
    if (method != AST_HTTP_GET && method != AST_HTTP_HEAD) {
        status = 405;
        title = "Method Not Allowed";
        ast_str_set(&header, 0, "Allow: GET, HEAD\r\n");
    } else if (!is_ari_user(headers)) {
        status = 401;
        title = "Unauthorized";
        ast_str_set(&header, 0, "WWW-Authenticate: Basic realm=\"Asterisk REST Interface\"\r\n");
    } else if (library.metrics(instance, take_text, &body) != ARIWS_OK) {
        status = 503;
        title = "Service Unavailable";
    } else {
        ast_str_set(&header, 0, "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n");
    }
    /* It frees both. */
    ast_http_send(ser, method, status, title, header, body, 0, 0);
}

static int metrics_respond(struct ast_tcptls_session_instance *ser, const struct ast_http_uri *uri, const char *path,
                           enum ast_http_method method, struct ast_variable *parameters, struct ast_variable *headers)
{
    if (gate_enter()) {
        ast_http_error(ser, 503, "Service Unavailable", "The module is being unloaded");
        return 0;
    }
    metrics_write(ser, method, headers);
    gate_leave();
    return 0;
}

static struct ast_http_uri metrics_uri = {
    .description = "Metrics of the ARI outbound websockets",
    .uri = "ariws/metrics",
    .callback = metrics_respond,
    .key = AST_MODULE,
};

int metrics_register(void)
{
    return ast_http_uri_link(&metrics_uri);
}

void metrics_unregister(void)
{
    ast_http_uri_unlink(&metrics_uri);
}

const char *metrics_prefix(void)
{
    return S_OR(metrics_uri.prefix, "");
}
