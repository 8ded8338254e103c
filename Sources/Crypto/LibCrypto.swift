import COpenSSL

/// The system's libcrypto as a whole.
package enum LibCrypto {
    /// Keeps libcrypto whole until the process is gone; must come before any other use of it.
    ///
    /// Else `exit` takes it apart while other threads still compute. Source: OPENSSL_init_crypto(3), on
    /// `OPENSSL_INIT_NO_ATEXIT`.
    package static func outliveExit() {
        OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
    }
}
