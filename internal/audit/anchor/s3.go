package anchor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"

	"doksportal/internal/audit/remote"
)

// How long a bucket keeps a checkpoint, in days. Nobody can shorten it later.
const (
	keepDays    = 3650
	maxKeepDays = 36500
)

// bucket keeps checkpoints where nobody, its owner included, can change or delete
// them for some years: an S3 bucket with object lock, in compliance mode.
type bucket struct {
	client       minio.Core
	name, prefix string
	days         int
	now          func() time.Time
	secrets      []string
	locks        atomic.Bool // the bucket is known to have object lock
}

func openBucket(u *url.URL, o Options) (*bucket, error) {
	set, err := remote.Settings(u, "endpoint", "region", "days")
	if err != nil {
		return nil, err
	}
	b := &bucket{name: u.Host, prefix: strings.Trim(u.Path, "/"), days: keepDays, now: o.Now, secrets: o.secrets()}
	if s3utils.CheckValidBucketNameStrict(b.name) != nil {
		return nil, fmt.Errorf("%.100q is not the name of a bucket", b.name)
	}
	if b.prefix != "" && (path.Clean(b.prefix) != b.prefix || s3utils.CheckValidObjectName(b.prefix) != nil) {
		return nil, fmt.Errorf("%.100q cannot be the start of a key", b.prefix)
	}
	if typed := set.Get("days"); typed != "" {
		if b.days, err = strconv.Atoi(typed); err != nil || b.days < 1 || b.days > maxKeepDays {
			return nil, fmt.Errorf("days must be a whole number from 1 to %d, not %.40q", maxKeepDays, typed)
		}
	}
	endpoint, err := parseEndpoint(set.Get("endpoint"))
	if err != nil {
		return nil, err
	}
	if o.S3Key == "" || o.S3Secret == "" {
		return nil, errors.New("set PORTAL_AUDIT_S3_KEY and PORTAL_AUDIT_S3_SECRET to the access key that may write there")
	}
	client, err := minio.NewCore(endpoint.Host, &minio.Options{
		Creds:      credentials.NewStaticV4(o.S3Key, o.S3Secret, ""),
		Secure:     endpoint.Scheme == "https",
		Region:     set.Get("region"),
		Transport:  remote.Transport(o.Roots),
		MaxRetries: 3,
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint cannot be used: %w", err)
	}
	b.client = *client
	return b, nil
}

func parseEndpoint(typed string) (*url.URL, error) {
	if typed == "" {
		return nil, errors.New("endpoint is missing; add the provider's, like ?endpoint=https://s3.eu-central-1.amazonaws.com")
	}
	u, err := url.Parse(typed)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("endpoint must be a URL like https://s3.eu-central-1.amazonaws.com, without the bucket")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, errors.New("endpoint must start with https://")
	}
	return u, nil
}

func (b *bucket) String() string { return "s3 " + path.Join(b.name, b.prefix) }

func (b *bucket) publish(ctx context.Context, c Checkpoint) error {
	if err := b.checkLock(ctx); err != nil {
		return err
	}
	key := path.Join(b.prefix, fmt.Sprintf("%020d-%s", c.Size, digest(c.Note)))
	if b.keeps(ctx, key, c.Note) {
		return nil
	}
	_, err := b.client.Client.PutObject(ctx, b.name, key, strings.NewReader(c.Note), int64(len(c.Note)), minio.PutObjectOptions{
		ContentType:     "text/plain; charset=utf-8",
		Mode:            minio.Compliance,
		RetainUntilDate: b.now().Add(b.keep()),
		SendContentMd5:  true, // S3 takes nothing with a lock without it
	})
	return err
}

func (b *bucket) keep() time.Duration { return time.Duration(b.days) * 24 * time.Hour }

// checkLock looks once at whether the bucket has object lock: some services take
// the headers that ask for it, and do nothing.
func (b *bucket) checkLock(ctx context.Context) error {
	if b.locks.Load() {
		return nil
	}
	lock, _, _, _, err := b.client.GetObjectLockConfig(ctx, b.name)
	code := minio.ToErrorResponse(err).Code
	if code == "ObjectLockConfigurationNotFoundError" || code == minio.NotImplemented || err == nil && lock != "Enabled" {
		return errors.New("the bucket has no object lock; most providers give it to new buckets only")
	}
	b.locks.Store(err == nil)
	return err
}

// keeps reports whether the newest object of a key is the note, locked for about
// as long as it would be now. What cannot be read counts as not kept: another
// version of it does no harm.
func (b *bucket) keeps(ctx context.Context, key, note string) bool {
	content, err := b.content(ctx, key, "")
	if err != nil || content != note {
		return false
	}
	info, err := b.client.StatObject(ctx, b.name, key, minio.StatObjectOptions{}) // not every service tells of locks with the content
	if err != nil || info.Headers.Get("X-Amz-Object-Lock-Mode") != minio.Compliance.String() {
		return false
	}
	until, err := time.Parse(time.RFC3339, info.Headers.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	return err == nil && until.After(b.now().Add(b.keep()-24*time.Hour))
}

// Checkpoints reads every version of every object, so that neither a newer
// version nor a delete marker hides one.
func (b *bucket) Checkpoints(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		prefix := b.prefix
		if prefix != "" {
			prefix += "/"
		}
		for object := range b.client.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, WithVersions: true}) {
			if object.Err != nil {
				yield("", fmt.Errorf("%s: %s", b, explain(ctx, object.Err, b.secrets)))
				return
			}
			if object.IsDeleteMarker {
				continue
			}
			note, err := b.read(ctx, object)
			if err != nil {
				err = fmt.Errorf("%s: %s: %s", b, path.Base(object.Key), explain(ctx, err, b.secrets))
			}
			if !yield(note, err) {
				return
			}
		}
	}
}

// Newest reads the objects of the largest tree. Their keys are in the order of their
// sizes, so that the largest is found in steps, each twice as far as the one before.
func (b *bucket) Newest(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		key, size, err := b.firstFrom(ctx, 0)
		for step := int64(1); err == nil && key != "" && step > 0; {
			further, at, failed := b.firstFrom(ctx, size+step)
			switch {
			case failed != nil:
				err = failed
			case further != "":
				key, size, step = further, at, 2*step
			case step == 1:
				step = 0
			default:
				step = 1
			}
		}
		for key != "" && err == nil {
			var note string
			if note, err = b.content(ctx, key, ""); err != nil || !yield(note, nil) {
				break
			}
			if key, _, err = b.firstAfter(ctx, key); !strings.HasPrefix(path.Base(key), fmt.Sprintf("%020d-", size)) {
				break
			}
		}
		if err != nil {
			yield("", b.readError(ctx, err))
		}
	}
}

func (b *bucket) readError(ctx context.Context, err error) error {
	if minio.ToErrorResponse(err).Code == minio.AccessDenied {
		return fmt.Errorf("%s: %w", b, fs.ErrPermission)
	}
	return fmt.Errorf("%s: %s", b, explain(ctx, err, b.secrets))
}

// firstFrom returns the key of the smallest tree that has a size or more, empty when
// there is none.
func (b *bucket) firstFrom(ctx context.Context, size int64) (string, int64, error) {
	return b.firstAfter(ctx, path.Join(b.prefix, fmt.Sprintf("%020d", size)))
}

func (b *bucket) firstAfter(ctx context.Context, after string) (key string, size int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, publishFor)
	defer cancel() // and with it the list
	prefix := b.prefix
	if prefix != "" {
		prefix += "/"
	}
	for object := range b.client.ListObjectsIter(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: after, MaxKeys: 1}) {
		if object.Err != nil {
			return "", 0, object.Err
		}
		digits, _, _ := strings.Cut(path.Base(object.Key), "-")
		if size, err := strconv.ParseInt(digits, 10, 64); err == nil && len(digits) == 20 {
			return object.Key, size, nil
		}
		break // others than checkpoints come after all of them
	}
	return "", 0, nil
}

func (b *bucket) read(ctx context.Context, o minio.ObjectInfo) (string, error) {
	if o.Size > maxNote {
		return "", errors.New("this object is too large for a checkpoint")
	}
	ctx, cancel := context.WithTimeout(ctx, publishFor)
	defer cancel()
	return b.content(ctx, o.Key, o.VersionID)
}

// content is as much of an object as a note can have and one byte more; the
// version may be empty for the newest.
func (b *bucket) content(ctx context.Context, key, version string) (string, error) {
	object, _, _, err := b.client.GetObject(ctx, b.name, key, minio.GetObjectOptions{VersionID: version})
	if err != nil {
		return "", err
	}
	defer func() { _ = object.Close() }()
	content, err := io.ReadAll(io.LimitReader(object, maxNote+1))
	return string(content), err
}
