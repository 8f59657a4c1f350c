/*
 * ari.conf and ari_outbound.conf, as Asterisk reads them: the users of ARI, for those who want metrics, and what
 * Asterisk itself makes of ari.conf.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "parts.h"

#include "asterisk/config.h"
#include "asterisk/http.h"

/* A file that may have users of ARI, as it was when it was last read. */
struct user_file {
    const char *name;
    /* NULL if it is missing or cannot be parsed. */
    struct ast_config *config;
    int exists;
    /* Asterisk cannot tell whether it has changed, for what it includes with #exec or by a pattern. */
    int may_change;
    time_t read;
};

static struct user_file user_files[] = {{.name = "ari.conf"}, {.name = "ari_outbound.conf"}};
AST_MUTEX_DEFINE_STATIC(user_files_lock);

static void user_file_forget(struct user_file *file)
{
    if (file->config) {
        ast_config_destroy(file->config);
    }
    file->config = NULL;
    file->exists = 0;
    file->may_change = 0;
}

void users_forget(void)
{
    size_t index;

    for (index = 0; index < ARRAY_LEN(user_files); index++) {
        user_file_forget(&user_files[index]);
    }
}

/* Gives 0 if it has not changed. */
static int user_file_read(struct user_file *file)
{
    struct ast_flags flags = {file->exists ? CONFIG_FLAG_FILEUNCHANGED : 0};
    struct ast_config *config = ast_config_load2(file->name, AST_MODULE, flags);

    if (config == CONFIG_STATUS_FILEUNCHANGED) {
        return 0;
    }
    user_file_forget(file);
    file->exists = config != CONFIG_STATUS_FILEMISSING;
    file->config = config == CONFIG_STATUS_FILEINVALID ? NULL : config;
    file->read = time(NULL);
    return file->exists;
}

/* Reads it if it has changed, or what it includes. Everybody who can connect makes this happen, so that what may change
   without being seen is read once a second at most. The lock is held. */
static struct ast_config *user_file_config(struct user_file *file)
{
    if (!(file->may_change && file->read == time(NULL)) && user_file_read(file)) {
        file->may_change = user_file_read(file);
    }
    return file->config;
}

/* Takes as long for every password of one length, whatever it is compared with. */
static int is_same(const char *given, const char *password)
{
    size_t length = strlen(password);
    size_t given_length = strlen(given);
    volatile unsigned char difference = length != given_length;
    size_t index;

    for (index = 0; index < given_length; index++) {
        difference |= given[index] ^ password[index % (length + 1)];
    }
    return !difference;
}

struct login {
    const struct ast_http_auth *auth;
    int matches;
    /* The encrypted password to compare with: the user's own, else somebody's. */
    char *encrypted;
    int is_own;
};

static void login_compare(struct login *login, struct ast_config *config, const char *section)
{
    const char *type = ast_variable_retrieve(config, section, "type");
    const char *password = ast_variable_retrieve(config, section, "password");
    const char *format = ast_variable_retrieve(config, section, "password_format");
    int is_own = !strcasecmp(section, login->auth->userid);

    if (strcasecmp(S_OR(type, ""), "user") || ast_strlen_zero(password)) {
        return;
    }
    if (strcasecmp(S_OR(format, ""), "crypt")) {
        login->matches |= is_same(login->auth->password, password) & is_own;
    } else if (!login->encrypted || (is_own && !login->is_own)) {
        ast_free(login->encrypted);
        login->encrypted = ast_strdup(password);
        login->is_own = is_own;
    }
}

/* A name that nobody has takes as long as one that somebody has: it is compared with every plain password and with one
   encrypted, if there is any. */
int is_ari_user(struct ast_variable *headers)
{
    struct ast_http_auth *auth = ast_http_get_auth(headers);
    struct login login = {.auth = auth};
    size_t index;

    if (!auth) {
        return 0;
    }
    ast_mutex_lock(&user_files_lock);
    for (index = 0; index < ARRAY_LEN(user_files); index++) {
        struct ast_config *config = user_file_config(&user_files[index]);
        const char *section = NULL;

        while (config && (section = ast_category_browse(config, section))) {
            login_compare(&login, config, section);
        }
    }
    ast_mutex_unlock(&user_files_lock);
    if (login.encrypted) {
        /* Where the password is wrong, or what is stored is no encrypted password, it gives NULL. */
        char *encrypted = ast_crypt(auth->password, login.encrypted);

        login.matches |= encrypted && login.is_own && is_same(encrypted, login.encrypted);
        ast_free(encrypted);
        ast_free(login.encrypted);
    }
    ao2_ref(auth, -1);
    return login.matches;
}

int ari_conf_is_native(void)
{
    struct ast_config *config;
    const char *section = NULL;
    int found = 0;

    if (!native) {
        return 0;
    }
    ast_mutex_lock(&user_files_lock);
    config = user_file_config(&user_files[0]);
    while (config && !found && (section = ast_category_browse(config, section))) {
        found = !strcasecmp(S_OR(ast_variable_retrieve(config, section, "type"), ""), "outbound_websocket");
    }
    if (found) {
        ast_log(LOG_ERROR,
                "Section [%s] of ari.conf is read by Asterisk's own outbound websockets too. Move the sections "
                "with type = outbound_websocket to ari_outbound.conf, and run 'module reload res_ari.so'.\n",
                section);
    }
    ast_mutex_unlock(&user_files_lock);
    return found;
}
