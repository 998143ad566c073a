package localidp

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Parameters of argon2id: 19 MiB, two passes, one lane, the second
// recommendation of OWASP's Password Storage Cheat Sheet.
const (
	memory  = 19 * 1024 // KiB
	passes  = 2
	lanes   = 1
	keySize = 32
)

// hasher hashes few passwords at a time, so that a flood of sign-ins takes
// neither the memory nor both cores.
type hasher chan struct{}

func newHasher() hasher { return make(hasher, 2) }

// hash returns the password's argon2id in the form of the reference
// implementation, with a salt of its own.
func (h hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	key, err := h.derive(ctx, password, salt, memory, passes, lanes, keySize)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, lanes,
		b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// matches reports whether the password is the one that was hashed.
func (h hasher) matches(ctx context.Context, password, hashed string) (bool, error) {
	var version, m, t, p uint32
	parts := strings.Split(hashed, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, fmt.Errorf("password hash is damaged")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &m, &t, &p); err != nil || version != argon2.Version || p > 255 {
		return false, fmt.Errorf("password hash has parameters that are not known here")
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("password hash is damaged: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("password hash is damaged: %w", err)
	}
	got, err := h.derive(ctx, password, salt, m, t, uint8(p), uint32(len(want)))
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
}

func (h hasher) derive(ctx context.Context, password string, salt []byte, m, t uint32, p uint8, size uint32) ([]byte, error) {
	select {
	case h <- struct{}{}:
		defer func() { <-h }()
		return argon2.IDKey([]byte(password), salt, t, m, p, size), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// nobody is a hash of no password. It is compared when a name is unknown, so
// that the answer takes as long as for a known one.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGF0IGFsbCA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
