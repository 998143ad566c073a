package localidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// keys are all that the provider must keep secret, derived from one secret by
// HKDF (RFC 5869) with a label each.
type keys struct {
	id      string // names the signing key: hash of its public part
	signing *ecdsa.PrivateKey
	seal    [32]byte // hides the request's id in its code
}

func deriveKeys(secret [32]byte) (keys, error) {
	var k keys
	seal, err := hkdf.Key(sha256.New, secret[:], nil, "althing local provider: codes", 32)
	if err != nil {
		return k, err
	}
	copy(k.seal[:], seal)
	// 32 random bytes are no scalar of P-256 once in 2^32; then the next label is.
	for n := 0; k.signing == nil; n++ {
		raw, err := hkdf.Key(sha256.New, secret[:], nil, fmt.Sprintf("althing local provider: ES256 %d", n), 32)
		if err != nil {
			return k, err
		}
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw); err == nil {
			k.signing = key
		}
	}
	public, err := k.signing.PublicKey.Bytes()
	if err != nil {
		return k, err
	}
	sum := sha256.Sum256(public)
	k.id = hex.EncodeToString(sum[:8])
	return k, nil
}

// signingKey is the private key as op takes it.
type signingKey struct{ keys }

// SignatureAlgorithm is ECDSA with P-256 and SHA-256.
func (signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.ES256 }

// Key is the private key.
func (k signingKey) Key() any { return k.signing }

// ID names it.
func (k signingKey) ID() string { return k.id }

// publicKey is what /keys shows.
type publicKey struct{ keys }

// ID names it.
func (k publicKey) ID() string { return k.id }

// Algorithm is ECDSA with P-256 and SHA-256.
func (publicKey) Algorithm() jose.SignatureAlgorithm { return jose.ES256 }

// Use says that the key signs.
func (publicKey) Use() string { return "sig" }

// Key is the public key.
func (k publicKey) Key() any { return &k.signing.PublicKey }
