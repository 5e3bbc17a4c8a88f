package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"unicode"
)

// Explain says why something was not taken, in the rest of a sentence without secrets.
// Addresses of webhooks, which url.Error repeats, are such.
func Explain(ctx context.Context, err error, secrets []string) string {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	var request *url.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "this was stopped"
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it did not answer in time"
	case errors.As(err, &dns):
		return "its host name could not be found"
	case errors.As(err, &certificate):
		return "its certificate is not one that the portal trusts"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "it ended the connection without an answer"
	case errors.As(err, &request):
		err = request.Err
	}
	return Clean(err.Error(), secrets)
}

// Clean makes one short line of what others wrote.
func Clean(text string, secrets []string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "…")
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return fmt.Sprintf("%.300s", strings.TrimRight(strings.Join(strings.Fields(text), " "), "."))
}
