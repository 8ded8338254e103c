/// `Buffer` of runtime 2.0 with the coders of text and Base64, in JavaScript.
///
/// Source: "JavaScript runtime 2.0 features for CloudFront Functions", Buffer.
enum FunctionBuffer {
    /// The declarations; 1.0 makes them as well and shows none.
    static let text = """
        class Buffer extends Uint8Array {
          static alloc(size, fill, encoding) {
            const made = new Buffer(size);
            return fill === undefined ? made : made.fill(fill, 0, size, encoding);
          }
          static allocUnsafe(size) { return new Buffer(size); }
          static byteLength(value, encoding) {
            return typeof value === 'string' ? binaryOfText(value, checked(encoding, 'utf8')).length : value.byteLength;
          }
          static compare(one, other) { return Buffer.from(one).compare(other); }
          static concat(list, total) {
            let size = 0;
            for (let i = 0; i < list.length; i++) size += list[i].length;
            if (total !== undefined) size = total;
            const made = new Buffer(size);
            for (let i = 0, at = 0; i < list.length && at < size; i++) {
              made.set(list[i].subarray(0, size - at), at);
              at += list[i].length;
            }
            return made;
          }
          static from(source, second, third) {
            if (typeof source === 'string') return copyOf(binaryOfText(source, checked(second, 'utf8')));
            if (source instanceof ArrayBuffer) return new Buffer(source, second, third);
            if (ArrayBuffer.isView(source)) return copyOf(binaryOf(view(source)));
            if (source && source.type === 'Buffer' && Array.isArray(source.data)) source = source.data;
            if (source && typeof source.length === 'number') {
              const made = new Buffer(source.length);
              for (let i = 0; i < source.length; i++) made[i] = source[i];
              return made;
            }
            if (source !== null && typeof source === 'object') {
              const value = source.valueOf();
              if (value !== source && value !== null) return Buffer.from(value, second, third);
            }
            throw new TypeError('first argument is not a string or Buffer-like object');
          }
          static isBuffer(object) { return object instanceof Buffer; }
          static isEncoding(encoding) { return encodings.indexOf(encoding) >= 0; }
          compare(target, targetStart, targetEnd, start, end) {
            const one = this.subarray(start || 0, end === undefined ? this.length : end);
            const other = view(target).subarray(targetStart || 0, targetEnd === undefined ? target.length : targetEnd);
            for (let i = 0; i < one.length && i < other.length; i++) {
              if (one[i] !== other[i]) return one[i] < other[i] ? -1 : 1;
            }
            return one.length === other.length ? 0 : one.length < other.length ? -1 : 1;
          }
          copy(target, targetStart, start, end) {
            const at = targetStart || 0;
            const piece = this.subarray(start || 0, end === undefined ? this.length : end)
              .subarray(0, Math.max(0, target.length - at));
            target.set(piece, at);
            return piece.length;
          }
          equals(other) { return this.compare(other) === 0; }
          fill(value, offset, end, encoding) {
            if (typeof offset === 'string') { encoding = offset; offset = undefined; }
            if (typeof end === 'string') { encoding = end; end = undefined; }
            const pattern = typeof value === 'number' ? [value & 255] : bytesOf(binaryOfData(value, encoding));
            const last = end === undefined ? this.length : end;
            for (let i = offset || 0, k = 0; i < last; i++, k++) this[i] = pattern.length ? pattern[k % pattern.length] : 0;
            return this;
          }
          indexOf(value, from, encoding) { return place_(this, value, from, encoding, false); }
          lastIndexOf(value, from, encoding) { return place_(this, value, from, encoding, true); }
          includes(value, from, encoding) { return this.indexOf(value, from, encoding) >= 0; }
          subarray(start, end) {
            const piece = new Uint8Array(this.buffer, this.byteOffset, this.length);
            const size = this.length;
            const at = x => x === undefined ? size : x < 0 ? Math.max(0, size + x) : Math.min(size, x);
            const first = at(start === undefined ? 0 : start), last = Math.max(first, at(end));
            return new Buffer(piece.buffer, piece.byteOffset + first, last - first);
          }
          slice(start, end) { return this.subarray(start, end); }
          swap16() { return swapped(this, 2); }
          swap32() { return swapped(this, 4); }
          swap64() { return swapped(this, 8); }
          toJSON() { const data = []; for (let i = 0; i < this.length; i++) data.push(this[i]); return { type: 'Buffer', data }; }
          toString(encoding, start, end) {
            return textOfBinary(binaryOf(this.subarray(start || 0, end === undefined ? this.length : end)), checked(encoding, 'utf8'));
          }
          write(written, offset, size, encoding) {
            if (typeof offset === 'string') { encoding = offset; offset = undefined; }
            if (typeof size === 'string') { encoding = size; size = undefined; }
            const at = offset || 0;
            const source = bytesOf(binaryOfText(written, checked(encoding, 'utf8')));
            const piece = source.subarray(0, Math.min(size === undefined ? source.length : size, this.length - at));
            this.set(piece, at);
            return piece.length;
          }
          readIntBE(at, size) { return signed(wide(this, at, size, false), size); }
          readIntLE(at, size) { return signed(wide(this, at, size, true), size); }
          readUIntBE(at, size) { return wide(this, at, size, false); }
          readUIntLE(at, size) { return wide(this, at, size, true); }
          writeIntBE(value, at, size) { return spread(this, value, at, size, false); }
          writeIntLE(value, at, size) { return spread(this, value, at, size, true); }
          writeUIntBE(value, at, size) { return spread(this, value, at, size, false); }
          writeUIntLE(value, at, size) { return spread(this, value, at, size, true); }
        }
        const copyOf = binary => {
          const made = new Buffer(binary.length);
          for (let i = 0; i < binary.length; i++) made[i] = binary.charCodeAt(i);
          return made;
        };
        const place_ = (buffer, value, from, encoding, isLast) => {
          if (typeof from === 'string') { encoding = from; from = undefined; }
          const wanted = typeof value === 'number' ? fromCharCode(value & 255) : binaryOfData(value, encoding);
          const all = binaryOf(buffer);
          if (isLast) return all.lastIndexOf(wanted, from === undefined ? all.length : from);
          return all.indexOf(wanted, from < 0 ? Math.max(0, all.length + from) : from || 0);
        };
        const swapped = (buffer, size) => {
          if (buffer.length % size) throw new RangeError('Buffer size must be a multiple of ' + size * 8 + '-bits');
          for (let i = 0; i < buffer.length; i += size) {
            for (let k = 0; k < size / 2; k++) {
              const held = buffer[i + k];
              buffer[i + k] = buffer[i + size - 1 - k];
              buffer[i + size - 1 - k] = held;
            }
          }
          return buffer;
        };
        const fits = (buffer, at, size) => {
          if (!(size >= 1 && size <= 8) || !(at >= 0) || at + size > buffer.length) throw new RangeError('index ' + at + ' is outside the bound of the buffer');
        };
        const wide = (buffer, at, size, isLittle) => {
          fits(buffer, at, size);
          let value = 0;
          for (let i = 0; i < size; i++) value = value * 256 + buffer[isLittle ? at + size - 1 - i : at + i];
          return value;
        };
        const signed = (value, size) => value >= Math.pow(2, 8 * size - 1) ? value - Math.pow(2, 8 * size) : value;
        const spread = (buffer, value, at, size, isLittle) => {
          fits(buffer, at, size);
          let rest = value < 0 ? value + Math.pow(2, 8 * size) : value;
          for (let i = 0; i < size; i++) {
            buffer[isLittle ? at + i : at + size - 1 - i] = rest % 256;
            rest = floor(rest / 256);
          }
          return at + size;
        };
        const numbers = { Int8: 1, Uint8: 1, Int16: 2, Uint16: 2, Int32: 4, Uint32: 4, Float32: 4, Float64: 8 };
        const called = { Uint8: 'UInt8', Uint16: 'UInt16', Uint32: 'UInt32', Float32: 'Float', Float64: 'Double' };
        Object.keys(numbers).forEach(kind => {
          const size = numbers[kind], name = called[kind] || kind;
          const read = Function.prototype.call.bind(DataView.prototype['get' + kind]);
          const write = Function.prototype.call.bind(DataView.prototype['set' + kind]);
          (size === 1 ? [''] : ['BE', 'LE']).forEach(end => {
            define(Buffer.prototype, 'read' + name + end, { value: function (at) {
              fits(this, at || 0, size);
              return read(new DataView(this.buffer, this.byteOffset, this.length), at || 0, end === 'LE');
            } });
            define(Buffer.prototype, 'write' + name + end, { value: function (value, at) {
              fits(this, at || 0, size);
              write(new DataView(this.buffer, this.byteOffset, this.length), at || 0, value, end === 'LE');
              return (at || 0) + size;
            } });
          });
        });
        Buffer.Buffer = Buffer;
        class TextEncoder {
          encode(written) { return bytesOf(octets(written === undefined ? '' : String(written))); }
          encodeInto(written, target) {
            const source = bytesOf(octets(String(written)));
            let size = Math.min(source.length, target.length);
            while (size > 0 && size < source.length && (source[size] & 0xc0) === 0x80) size--;
            target.set(source.subarray(0, size));
            return { read: text(binaryOf(source.subarray(0, size))).length, written: size };
          }
        }
        class TextDecoder {
          constructor(encoding, options) {
            const name = encoding === undefined ? 'utf-8' : String(encoding).toLowerCase();
            if (name !== 'utf-8' && name !== 'utf8') throw new RangeError('The "' + encoding + '" encoding is not supported');
            this.encoding = 'utf-8';
            this.fatal = !!(options && options.fatal);
            this.ignoreBOM = !!(options && options.ignoreBOM);
          }
          decode(data) {
            if (data === undefined) return '';
            const binary = binaryOf(view(data));
            let read = text(binary);
            if (this.fatal && octets(read) !== binary) throw new TypeError('The encoded data was not valid');
            if (!this.ignoreBOM && read.charCodeAt(0) === 0xfeff) read = read.slice(1);
            return read;
          }
        }
        if (isTwo) {
          const latin = written => {
            for (let i = 0; i < written.length; i++) {
              if (written.charCodeAt(i) > 255) throw new TypeError('invalid character (>= U+00FF)');
            }
            return written;
          };
          globalThis.btoa = written => base64(latin(String(written)));
          globalThis.atob = written => {
            const digits = String(written).replace(/[ \\t\\n\\f\\r]/g, '');
            if (!/^[A-Za-z0-9+\\/]*={0,2}$/.test(digits)) throw new TypeError('invalid characters in Base64');
            return fromBase64(digits);
          };
          Object.assign(globalThis, { Buffer, TextEncoder, TextDecoder });
        }
        """
}
