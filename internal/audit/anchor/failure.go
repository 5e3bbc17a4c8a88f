package anchor

import (
	"context"
	"errors"
	"fmt"

	"github.com/minio/minio-go/v7"

	"doksportal/internal/audit/remote"
)

// explain says why a place did not take a checkpoint, in the rest of a sentence
// without secrets.
func explain(ctx context.Context, err error, secrets []string) string {
	var s3 minio.ErrorResponse
	if ctx.Err() == nil && errors.As(err, &s3) {
		return remote.Clean(fmt.Sprintf("it answered %s: %s", s3.Code, s3.Message), secrets)
	}
	return remote.Explain(ctx, err, secrets)
}

// secrets are what no error may repeat.
func (o Options) secrets() (list []string) {
	for _, s := range []string{o.S3Key, o.S3Secret, o.WebhookSecret} {
		if s != "" {
			list = append(list, s)
		}
	}
	return list
}
