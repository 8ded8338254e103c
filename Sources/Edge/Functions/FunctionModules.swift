/// The modules that functions load: `crypto`, `querystring` and `buffer`, in JavaScript over the natives.
enum FunctionModules {
    /// Between texts, arrays of bytes and binary strings (one unit for each byte).
    static let bytes = """
        const bytesOf = binary => {
          const array = new Uint8Array(binary.length);
          for (let i = 0; i < binary.length; i++) array[i] = binary.charCodeAt(i);
          return array;
        };
        const binaryOf = array => {
          let binary = '';
          for (let i = 0; i < array.length; i += 4096) {
            binary += fromCharCode.apply(null, array.subarray(i, i + 4096));
          }
          return binary;
        };
        const view = data => {
          if (data instanceof ArrayBuffer) return new Uint8Array(data);
          return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        };
        const isView = data => data instanceof ArrayBuffer || ArrayBuffer.isView(data);
        const encodings = ['utf8', 'utf-8', 'hex', 'base64', 'base64url'];
        const checked = (encoding, fallback) => {
          if (encoding === undefined) return fallback;
          if (typeof encoding === 'string' && encodings.indexOf(encoding) >= 0) return encoding;
          throw new TypeError('Unknown encoding: "' + encoding + '"');
        };
        const fromBase64 = written => {
          let digits = '';
          for (let i = 0; i < written.length; i++) {
            const c = written[i];
            if (c === '-') digits += '+'; else if (c === '_') digits += '/';
            else if (/[A-Za-z0-9+\\/]/.test(c)) digits += c; else if (c === '=') break;
          }
          if (digits.length % 4 === 1) digits = digits.slice(0, -1);
          while (digits.length % 4) digits += '=';
          const binary = digits === '' ? '' : base64(digits, true);
          return binary === undefined ? '' : binary;
        };
        const binaryOfText = (written, encoding) => {
          switch (encoding) {
            case 'hex': {
              let binary = '';
              for (let i = 0; i + 1 < written.length; i += 2) {
                const pair = written.slice(i, i + 2);
                if (!/^[0-9a-fA-F]{2}$/.test(pair)) break;
                binary += fromCharCode(parseInt(pair, 16));
              }
              return binary;
            }
            case 'base64': case 'base64url': return fromBase64(written);
            default: return octets(written);
          }
        };
        const textOfBinary = (binary, encoding) => {
          switch (encoding) {
            case 'hex': {
              let written = '';
              for (let i = 0; i < binary.length; i++) {
                const digits = binary.charCodeAt(i).toString(16);
                written += digits.length < 2 ? '0' + digits : digits;
              }
              return written;
            }
            case 'base64': return base64(binary);
            case 'base64url': return base64(binary).replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=+$/, '');
            default: return text(binary);
          }
        };
        const binaryOfData = (data, encoding) => {
          if (typeof data === 'string') return binaryOfText(data, checked(encoding, 'utf8'));
          if (isView(data)) return binaryOf(view(data));
          throw new TypeError('data is not a string or Buffer-like object');
        };
        """

    /// `crypto`.
    static let crypto = """
        const algorithms = ['md5', 'sha1', 'sha256'];
        const known = algorithm => {
          if (algorithms.indexOf(algorithm) < 0) throw new TypeError('not supported algorithm: "' + algorithm + '"');
          return algorithm;
        };
        const hasher = compute => {
          let held = '', isDone = false;
          const object = {
            update(data, encoding) {
              if (isDone) throw new Error('Digest already called');
              held += binaryOfData(data, encoding);
              return object;
            },
            digest(encoding) {
              if (isDone) throw new Error('Digest already called');
              isDone = true;
              const binary = compute(held);
              if (encoding === undefined) return isTwo ? Buffer.from(bytesOf(binary)) : binary;
              if (encoding !== 'hex' && encoding !== 'base64' && encoding !== 'base64url') {
                throw new TypeError('Unknown digest encoding: "' + encoding + '"');
              }
              return textOfBinary(binary, encoding);
            },
          };
          return object;
        };
        const cryptoModule = {
          createHash: algorithm => { known(algorithm); return hasher(data => digest(algorithm, data)); },
          createHmac: (algorithm, key) => {
            known(algorithm);
            const secret = binaryOfData(key);
            return hasher(data => code(algorithm, secret, data));
          },
        };
        """

    /// `querystring`.
    static let queryString = """
        const unescapeText = written => {
          try { return decode(written.replace(/\\+/g, ' ')); } catch (error) {}
          let binary = '';
          const source = octets(written.replace(/\\+/g, ' '));
          for (let i = 0; i < source.length; i++) {
            const pair = source.slice(i + 1, i + 3);
            if (source[i] === '%' && /^[0-9a-fA-F]{2}$/.test(pair)) {
              binary += fromCharCode(parseInt(pair, 16));
              i += 2;
            } else binary += source[i];
          }
          return text(binary);
        };
        const escapeText = value => encode(String(value));
        const queryModule = {
          escape: escapeText,
          unescape: unescapeText,
          parse(written, separator, equal, options) {
            const result = {};
            const split = separator || '&', sign = equal || '=';
            const read = options && options.decodeURIComponent || queryModule.unescape;
            let most = options && typeof options.maxKeys === 'number' ? options.maxKeys : 1000;
            if (most === 0) most = Infinity;
            const pieces = String(written).split(split);
            for (let i = 0, taken = 0; i < pieces.length && taken < most; i++) {
              if (pieces[i] === '') continue;
              taken++;
              const at = pieces[i].indexOf(sign);
              const name = read(at < 0 ? pieces[i] : pieces[i].slice(0, at));
              const value = at < 0 ? '' : read(pieces[i].slice(at + sign.length));
              if (!Object.prototype.hasOwnProperty.call(result, name)) result[name] = value;
              else if (Array.isArray(result[name])) result[name].push(value);
              else result[name] = [result[name], value];
            }
            return result;
          },
          stringify(object, separator, equal, options) {
            const write = options && options.encodeURIComponent || queryModule.escape;
            const pieces = [];
            Object.keys(object || {}).forEach(name => {
              const values = Array.isArray(object[name]) ? object[name] : [object[name]];
              values.forEach(value => {
                const said = value === null || value === undefined || typeof value === 'object' ? '' : value;
                pieces.push(write(name) + (equal || '=') + write(said));
              });
            });
            return pieces.join(separator || '&');
          },
        };
        queryModule.decode = queryModule.parse;
        queryModule.encode = queryModule.stringify;
        """

    /// The methods on strings that only runtime 1.0 has.
    static let legacyStrings = """
        if (!isTwo) {
          const part = (self, start, end) => String(self).slice(start, end);
          const made = (source, encoding) =>
            Array.isArray(source) ? source.map(byte => fromCharCode(byte & 255)).join('')
                                  : binaryOfText(String(source), checked(encoding, 'utf8'));
          String.bytesFrom = made;
          Object.assign(String.prototype, {
            bytesFrom(source, encoding) { return made(source, encoding); },
            fromBytes(start, end) { return part(this, start, end); },
            fromUTF8(start, end) {
              const binary = part(this, start, end), read = text(binary);
              return octets(read) === binary ? read : null;
            },
            toBytes(start, end) {
              const written = part(this, start, end);
              return /^[\\u0000-\\u00ff]*$/.test(written) ? written : null;
            },
            toUTF8(start, end) { return octets(part(this, start, end)); },
          });
        }
        """

    /// `Buffer`, the coders of text and Base64, which runtime 2.0 adds.
    static let buffer = FunctionBuffer.text
}
