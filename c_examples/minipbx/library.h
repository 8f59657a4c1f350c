/*
 * libariws.so, loaded at run time.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A PBX that loads the library with dlopen runs without it, and can be compiled where it is not installed. One that
 * links with -lariws needs nothing of this file.
 */
#ifndef MINIPBX_LIBRARY_H
#define MINIPBX_LIBRARY_H

#include "ariws.h"

#include <stdbool.h>

/* Every function of the library, by its name without `ariws_`. */
struct library {
    void *handle;
    uint32_t (*abi_version)(void);
    const char *(*version)(void);
    const char *(*result_text)(int32_t result);
    int32_t (*load)(const ariws_host *host, const ariws_options *options, ariws_report_callback report,
                    void *report_data, ariws_instance **instance, char *message, size_t message_size);
    int32_t (*reload)(const ariws_instance *instance, ariws_report_callback report, void *report_data, char *message,
                      size_t message_size);
    int32_t (*unload)(ariws_instance *instance, uint32_t grace_ms);
    int32_t (*stasis_start)(const ariws_instance *instance, const char *app, const char *channel_id,
                            const char *channel_name, char *application, size_t application_size, char *message,
                            size_t message_size);
    int32_t (*stasis_start_async)(const ariws_instance *instance, const char *app, const char *channel_id,
                                  const char *channel_name, ariws_stasis_start_callback done, void *data,
                                  char *message, size_t message_size);
    int32_t (*stasis_cancel)(const ariws_instance *instance, const char *channel_id);
    int32_t (*stasis_end)(const ariws_instance *instance, const char *application, const char *channel_id);
    int32_t (*event)(const ariws_instance *instance, const char *application, const char *json, size_t json_length);
    int32_t (*request_complete)(const ariws_instance *instance, uint64_t request_id, int32_t status,
                                const char *reason, const char *body, size_t body_length);
    int32_t (*inbound_opened)(const ariws_instance *instance, const ariws_inbound *inbound);
    int32_t (*inbound_closed)(const ariws_instance *instance, const char *session_id);
    int32_t (*cli_commands)(size_t index, ariws_cli_command *command);
    int32_t (*cli_execute)(const ariws_instance *instance, const char *const *words, size_t count,
                           ariws_write_callback write, void *write_data);
    int32_t (*cli_complete)(const ariws_instance *instance, const char *const *words, size_t count,
                            const char *prefix, ariws_write_callback write, void *write_data);
    int32_t (*metrics)(const ariws_instance *instance, ariws_write_callback write, void *write_data);
};

/* False if the file cannot be loaded, lacks a function, or has another ABI version; the reason is in the log. */
bool library_open(struct library *library, const char *path);
void library_close(struct library *library);

#endif
