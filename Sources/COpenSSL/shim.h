// OpenSSL 3.0 with inline forms of the macros that Swift cannot import.
#pragma once
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <openssl/ssl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ec.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/hmac.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

// Contexts.

static inline void portico_ctx_set_common(SSL_CTX *ctx) {
    // Not SSL_MODE_RELEASE_BUFFERS, which takes and gives 33 KiB with every message: SSL_free_buffers does it
    // for connections that have gone quiet.
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION
                                 | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_read_ahead(ctx, 1);
}

static inline int portico_ctx_set_versions(SSL_CTX *ctx, int lowest, int highest) {
    return lowest <= highest
        && SSL_CTX_set_min_proto_version(ctx, lowest) == 1
        && SSL_CTX_set_max_proto_version(ctx, highest) == 1;
}

static inline int portico_ctx_set_groups(SSL_CTX *ctx, const char *names) {
    return (int)SSL_CTX_set1_groups_list(ctx, names);
}

static inline void portico_ctx_set_cache_mode(SSL_CTX *ctx, int mode) {
    SSL_CTX_set_session_cache_mode(ctx, mode);
}

static inline void portico_ctx_set_server_name_callback(
    SSL_CTX *ctx, int (*callback)(SSL *, int *, void *), void *argument) {
    SSL_CTX_set_tlsext_servername_callback(ctx, callback);
    SSL_CTX_set_tlsext_servername_arg(ctx, argument);
}

// Sessions.

static inline int portico_ssl_set_server_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

static inline int portico_ssl_set_versions(SSL *ssl, int lowest, int highest) {
    return lowest <= highest && SSL_set_min_proto_version(ssl, lowest) == 1
        && SSL_set_max_proto_version(ssl, highest) == 1;
}

static inline int portico_ssl_set_groups(SSL *ssl, const char *names) {
    return (int)SSL_set1_groups_list(ssl, names);
}

// Authorities of clients.

static inline STACK_OF(X509_NAME) *portico_names_new(void) { return sk_X509_NAME_new_null(); }
static inline void portico_names_free(STACK_OF(X509_NAME) *names) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
}

// Reads authorities and revocation lists; gives how many authorities there are, or -1.
static inline int portico_store_load(X509_STORE *store, STACK_OF(X509_NAME) *names, BIO *bio, int *lists) {
    STACK_OF(X509_INFO) *infos = PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL);
    if (infos == NULL) return -1;
    int count = 0, failed = 0;
    for (int place = 0; place < sk_X509_INFO_num(infos); place++) {
        X509_INFO *info = sk_X509_INFO_value(infos, place);
        if (info->x509 != NULL) {
            X509_NAME *name = X509_NAME_dup(X509_get_subject_name(info->x509));
            if (name == NULL || sk_X509_NAME_push(names, name) <= 0) failed = 1;
            if (X509_STORE_add_cert(store, info->x509) != 1) failed = 1;
            count++;
        }
        if (info->crl != NULL) {
            if (X509_STORE_add_crl(store, info->crl) != 1) failed = 1;
            (*lists)++;
        }
    }
    sk_X509_INFO_pop_free(infos, X509_INFO_free);
    // An authority need not be a root; with a list, no client of its issuer goes unchecked.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | (*lists > 0 ? X509_V_FLAG_CRL_CHECK : 0));
    return failed ? -1 : count;
}

static inline uint64_t portico_no_tickets(void) { return SSL_OP_NO_TICKET; }

static inline int portico_ssl_set_anchors(SSL *ssl, X509_STORE *store, STACK_OF(X509_NAME) *names) {
    if (SSL_set1_verify_cert_store(ssl, store) != 1) return 0;
    if (names == NULL) return 1;
    STACK_OF(X509_NAME) *copies = SSL_dup_CA_list(names);
    if (copies == NULL) return 0;
    SSL_set0_CA_list(ssl, copies);
    return 1;
}

static inline X509 *portico_ssl_peer_certificate(SSL *ssl) {
    return SSL_get1_peer_certificate(ssl);
}

// A socket BIO that sends with MSG_NOSIGNAL: a peer that is gone never raises SIGPIPE. Beside the descriptor
// its data says whether the last receive took all that had arrived.

#define PORTICO_BIO_DRAINED ((intptr_t)1 << 32)

static inline intptr_t portico_bio_state(BIO *bio) { return (intptr_t)BIO_get_data(bio); }

static inline int portico_bio_descriptor(BIO *bio) { return (int)portico_bio_state(bio); }

static inline void portico_bio_note(BIO *bio, int drained) {
    intptr_t state = portico_bio_state(bio) & ~PORTICO_BIO_DRAINED;
    BIO_set_data(bio, (void *)(drained ? state | PORTICO_BIO_DRAINED : state));
}

static inline int portico_ssl_is_drained(SSL *ssl) {
    return (portico_bio_state(SSL_get_rbio(ssl)) & PORTICO_BIO_DRAINED) != 0 && SSL_has_pending(ssl) == 0;
}

static inline int portico_bio_should_retry(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINPROGRESS;
}

// Both call the system past the C library: see portico_recv of CLinux.

static int portico_bio_write(BIO *bio, const char *bytes, int count) {
    ssize_t sent;
    do {
        errno = 0;
        sent = syscall(SYS_sendto, portico_bio_descriptor(bio), bytes, (size_t)count, MSG_NOSIGNAL, NULL, 0);
    } while (sent < 0 && errno == EINTR);
    BIO_clear_retry_flags(bio);
    if (sent <= 0 && portico_bio_should_retry(errno)) BIO_set_retry_write(bio);
    return (int)sent;
}

static int portico_bio_read(BIO *bio, char *bytes, int count) {
    // "Would block" must mean just that: a waiter on an edge would miss what a signal cut short.
    ssize_t received;
    do {
        errno = 0;
        received = syscall(SYS_recvfrom, portico_bio_descriptor(bio), bytes, (size_t)count, 0, NULL, NULL);
    } while (received < 0 && errno == EINTR);
    BIO_clear_retry_flags(bio);
    portico_bio_note(bio, received != 0 && received < count);
    if (received < 0 && portico_bio_should_retry(errno)) BIO_set_retry_read(bio);
    if (received == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)received;
}

static long portico_bio_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return 0;
}

static inline BIO_METHOD *portico_bio_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (method == NULL) return NULL;
    BIO_meth_set_write(method, portico_bio_write);
    BIO_meth_set_read(method, portico_bio_read);
    BIO_meth_set_ctrl(method, portico_bio_ctrl);
    return method;
}

// Gives the session a BIO on the descriptor, which stays the caller's to close.
static inline int portico_ssl_attach(SSL *ssl, const BIO_METHOD *method, int descriptor) {
    BIO *bio = BIO_new(method);
    if (bio == NULL) return 0;
    BIO_set_data(bio, (void *)(intptr_t)(uint32_t)descriptor);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return 1;
}

// In C, because the parameters keep pointers to their names.
static inline int portico_mac_set_sha256_key(
    EVP_MAC_CTX *mac, const unsigned char *key, size_t count) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key, count),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, parameters);
}

// Stacks, memory and errors.

static inline STACK_OF(X509) *portico_chain_new(void) { return sk_X509_new_null(); }
static inline int portico_chain_push(STACK_OF(X509) *chain, X509 *certificate) {
    return sk_X509_push(chain, certificate);
}
static inline void portico_chain_free(STACK_OF(X509) *chain) {
    sk_X509_pop_free(chain, X509_free);
}

static inline unsigned long portico_rfc2253(void) { return XN_FLAG_RFC2253; }
static inline int portico_bn_bytes(const BIGNUM *number) { return BN_num_bytes(number); }

static inline long portico_bio_memory(BIO *bio, char **bytes) {
    return BIO_get_mem_data(bio, bytes);
}

static inline int portico_error_is_eof(unsigned long error) {
    return ERR_GET_LIB(error) == ERR_LIB_SSL
        && ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

static inline EVP_PKEY *portico_generate_p256(void) { return EVP_EC_gen("P-256"); }
