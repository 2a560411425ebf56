#define _GNU_SOURCE
#include "channel.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int64_t ns_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int64_t monotonic_ns(void) { return ns_of(CLOCK_MONOTONIC); }

static void bytes_add(Bytes *b, const char *data, size_t n) {
    if (b->used + n > b->room) {
        b->room = (b->used + n) * 2;
        b->data = realloc(b->data, b->room);
        if (!b->data) abort();
    }
    memcpy(b->data + b->used, data, n);
    b->used += n;
}

void bytes_drop(Bytes *b, size_t n) {
    memmove(b->data, b->data + n, b->used - n);
    b->used -= n;
}

/* Sends what it can and keeps the rest. */
static int raw_write(Channel *c, const char *data, size_t n) {
    ssize_t sent = 0;
    if (c->out.used == 0) {
        sent = send(c->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return -1;
        if (sent < 0) sent = 0;
    }
    if ((size_t)sent < n) bytes_add(&c->out, data + sent, n - sent);
    return 0;
}

int channel_flush(Channel *c) {
    if (c->out.used == 0) return 0;
    ssize_t sent = send(c->fd, c->out.data, c->out.used, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
    bytes_drop(&c->out, sent);
    return 0;
}

#ifdef WITH_TLS
#include <openssl/ssl.h>
static SSL_CTX *context;

int channel_tls_setup(const char *certificate, const char *key) {
    context = SSL_CTX_new(TLS_server_method());
    if (!context || SSL_CTX_use_certificate_chain_file(context, certificate) != 1) return -1;
    return SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 ? 0 : -1;
}

static void *tls_open(void) {
    if (!context) return NULL;
    SSL *tls = SSL_new(context);
    SSL_set_bio(tls, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(tls);
    return tls;
}

static void tls_close(void *tls) { SSL_free(tls); }

static int tls_send(Channel *c) {
    char record[32768];
    int n;
    while ((n = BIO_read(SSL_get_wbio(c->tls), record, sizeof record)) > 0)
        if (raw_write(c, record, n) < 0) return -1;
    return 0;
}

/* Decrypts what came; a handshake answers by itself. */
static int tls_take(Channel *c, const char *data, size_t n) {
    char clear[32768];
    int got;
    BIO_write(SSL_get_rbio(c->tls), data, n);
    while ((got = SSL_read(c->tls, clear, sizeof clear)) > 0) bytes_add(&c->in, clear, got);
    int why = SSL_get_error(c->tls, got);
    if (tls_send(c) < 0) return -1;
    return why == SSL_ERROR_WANT_READ ? 0 : -1;
}

static int tls_write(Channel *c, const char *data, size_t n) {
    return SSL_write(c->tls, data, n) == (int)n ? tls_send(c) : -1;
}
#else
int channel_tls_setup(const char *certificate, const char *key) { return certificate && key ? -1 : -1; }
static void *tls_open(void) { return NULL; }
static void tls_close(void *tls) { (void)tls; }
static int tls_take(Channel *c, const char *data, size_t n) { return c && data && n ? -1 : -1; }
static int tls_write(Channel *c, const char *data, size_t n) { return c && data && n ? -1 : -1; }
#endif

void channel_open(Channel *c, int fd) {
    int one = 1;
    c->fd = fd;
    c->in.used = c->out.used = 0;
    c->tls = tls_open();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
}

void channel_close(Channel *c) {
    if (c->tls) tls_close(c->tls);
    close(c->fd);
    c->tls = NULL;
    c->fd = -1;
}

/* The kernel stamps arrivals in wall-clock time: the difference of the clocks is taken at the same moment. */
static int64_t arrival_ns(struct msghdr *message) {
    for (struct cmsghdr *m = CMSG_FIRSTHDR(message); m; m = CMSG_NXTHDR(message, m))
        if (m->cmsg_level == SOL_SOCKET && m->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(m), sizeof t);
            int64_t ago = ns_of(CLOCK_REALTIME) - (t.tv_sec * 1000000000LL + t.tv_nsec);
            if (t.tv_sec && ago >= 0) return monotonic_ns() - ago;
        }
    return monotonic_ns();
}

int channel_read(Channel *c) {
    char data[65536], control[256];
    struct iovec at = {data, sizeof data};
    struct msghdr message = {.msg_iov = &at, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    size_t before = c->in.used;
    for (;;) {
        message.msg_controllen = sizeof control;
        ssize_t n = recvmsg(c->fd, &message, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN ? c->in.used > before : -1;
        if (n == 0) return -1;
        c->arrived_ns = arrival_ns(&message);
        if (!c->tls) bytes_add(&c->in, data, n);
        else if (tls_take(c, data, n) < 0) return -1;
        if (n < (ssize_t)sizeof data) return c->in.used > before;
    }
}

int channel_write(Channel *c, const char *data, size_t n) {
    return c->tls ? tls_write(c, data, n) : raw_write(c, data, n);
}
