package db

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// scramIterations is how many Postgres itself takes.
const scramIterations = 4096

// scramVerifier is what Postgres keeps of a password (RFC 5803). Given this it
// never sees the password, and neither does its log. It has no character that
// would have to be quoted.
func scramVerifier(password string) (string, error) {
	for _, r := range password {
		// Clients do not agree on how others are normalised.
		if r < ' ' || r > '~' {
			return "", errors.New("its password in PORTAL_DATABASE_URL must be of printable ASCII characters")
		}
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return "", err
	}
	stored := sha256.Sum256(sign(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, b64(salt), b64(stored[:]), b64(sign(salted, "Server Key"))), nil
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
