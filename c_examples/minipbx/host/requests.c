/*
 * Answers to ARI requests, which the library gives to pbx_ari_request.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "host.h"

void host_answer(struct host *host, uint64_t request_id, int status, const char *reason, const char *body,
                 size_t length)
{
    int32_t result =
        host->library.request_complete(host->instance, request_id, status, reason, body, body == NULL ? 0 : length);
    if (result != ARIWS_OK) {
        host_log(host, ARIWS_LOG_WARNING, "", "the answer to request %llu was not taken: %s",
                 (unsigned long long)request_id, host->library.result_text(result));
    }
}
