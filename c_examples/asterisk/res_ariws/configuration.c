/*
 * Configuration that extconfig.conf has in a database, as the text of a file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include <ctype.h>

#include "asterisk/config.h"

/* Whether a text can stand in a line of a file without being read as something else. */
static int is_plain(const char *text, const char *special)
{
    for (; *text; text++) {
        if (iscntrl((unsigned char)*text) || strchr(special, *text)) {
            return 0;
        }
    }
    return 1;
}

/* Writes one setting as a line of a file. */
static int setting_write(struct ast_str **text, const struct ast_variable *setting)
{
    const char *value;

    ast_str_append(text, 0, "%s = ", setting->name);
    for (value = setting->value; *value; value++) {
        /* A semicolon would begin a comment. */
        ast_str_append(text, 0, *value == ';' ? "\\%c" : "%c", *value);
    }
    return ast_str_append(text, 0, "\n") < 0 ? -1 : 0;
}

/* Writes what Asterisk has read as the text of a file, unless that would have other sections or settings. */
static int config_write(const char *name, struct ast_str **text, struct ast_config *config)
{
    struct ast_category *section = NULL;
    const struct ast_variable *setting;
    const char *section_name;
    int number = 0;

    while ((section = ast_category_browse_filtered(config, NULL, section, NULL))) {
        number++;
        section_name = ast_category_get_name(section);
        if (!is_plain(section_name, "];")) {
            ast_log(LOG_ERROR, "%s: the name of section %d in the database has a ']', ';' or control character\n", name,
                    number);
            return -1;
        }
        ast_str_append(text, 0, "[%s]\n", section_name);
        for (setting = ast_category_first(section); setting; setting = setting->next) {
            if (!is_plain(setting->name, "=;#[")) {
                ast_log(
                    LOG_ERROR,
                    "%s: the name of a setting of [%s] in the database has a '=', ';', '#', '[' or control character\n",
                    name, section_name);
                return -1;
            }
            if (strchr(setting->value, '\n')) {
                ast_log(LOG_ERROR, "%s: [%s] %s has a value of several lines in the database\n", name, section_name,
                        setting->name);
                return -1;
            }
            if (setting_write(text, setting)) {
                return -1;
            }
        }
    }
    return 0;
}

/* What is not in a database the library reads from its file: its messages name file and line then. */
int32_t on_config_read(void *userdata, const char *name, ariws_write_callback write, void *write_data)
{
    struct ast_flags flags = {0};
    struct ast_config *config;
    struct ast_str *text = NULL;
    int32_t result = ARIWS_HOST_FAILED;

    if (!ast_realtime_is_mapping_defined(name)) {
        return ARIWS_TEXT_ABSENT;
    }
    if (!ast_check_realtime(name)) {
        ast_log(LOG_ERROR, "extconfig.conf has %s in a database whose module is not loaded\n", name);
        return ARIWS_HOST_FAILED;
    }
    config = ast_config_load2(name, AST_MODULE, flags);
    if (config == CONFIG_STATUS_FILEMISSING || config == CONFIG_STATUS_FILEINVALID) {
        config = NULL;
    }
    if (!config || !ast_category_browse_filtered(config, NULL, NULL, NULL)) {
        /* Drivers do not tell the two apart, and nobody's connections are to end because a database is down. */
        ast_log(LOG_ERROR, "%s has no row in the database that extconfig.conf names, or cannot be read from it\n",
                name);
    } else if ((text = ast_str_create(4096)) && !config_write(name, &text, config)) {
        write(write_data, ast_str_buffer(text), ast_str_strlen(text));
        result = ARIWS_TEXT_GIVEN;
    }
    ast_free(text);
    if (config) {
        ast_config_destroy(config);
    }
    return result;
}
