/* One accepted connection as bytes: plain, or TLS over memory so that both ways see the kernel's arrival times. */
#ifndef CHANNEL_H
#define CHANNEL_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
    char *data;
    size_t used, room;
} Bytes;

typedef struct {
    int fd;
    void *tls;          /* NULL on a plain connection */
    Bytes in, out;      /* what was read and not used yet; what the kernel did not take yet */
    int64_t arrived_ns; /* monotonic: when the kernel received what was read last */
} Channel;

int channel_tls_setup(const char *certificate, const char *key); /* 0, or -1 where this was built without TLS */
void channel_open(Channel *c, int fd);
void channel_close(Channel *c);
int channel_read(Channel *c);                              /* 1 bytes came, 0 none yet, -1 closed */
int channel_write(Channel *c, const char *data, size_t n); /* 0, or -1 closed; never blocks */
int channel_flush(Channel *c);
void bytes_drop(Bytes *b, size_t n);
int64_t monotonic_ns(void);
#endif
