package training

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
)

// Digest is the SHA-256 by which an artefact (a checkpoint, an update, a
// manifest) is named. Writing an artefact twice is writing it once.
type Digest [sha256.Size]byte

// DigestOf returns the digest of data.
func DigestOf(data []byte) Digest { return sha256.Sum256(data) }

// ParseDigest reads 64 hexadecimal digits, with or without "sha256:" before them.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) == 7+64 && s[:7] == "sha256:" {
		s = s[7:]
	}
	if len(s) != 64 {
		return d, fmt.Errorf("digest %q: want 64 hexadecimal digits", s)
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return d, fmt.Errorf("digest %q: %w", s, err)
	}
	return d, nil
}

// Hex returns the 64 lower-case hexadecimal digits.
func (d Digest) Hex() string { return hex.EncodeToString(d[:]) }

// String returns "sha256:" and the hexadecimal digits.
func (d Digest) String() string { return "sha256:" + d.Hex() }

// IsZero reports whether d names nothing.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText writes the hexadecimal digits, so that JSON holds a string.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.Hex()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Digest) UnmarshalText(text []byte) error {
	parsed, err := ParseDigest(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// Value stores the 32 bytes as bytea.
func (d Digest) Value() (driver.Value, error) { return d[:], nil }

// Scan reads the 32 bytes of a bytea column.
func (d *Digest) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(d) {
		return fmt.Errorf("scan digest: want %d bytes, got %T of %d", len(d), src, len(b))
	}
	copy(d[:], b)
	return nil
}
