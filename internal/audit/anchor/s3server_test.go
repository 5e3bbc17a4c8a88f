package anchor_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// store speaks as much of S3 as a bucket with object lock needs, and holds
// clients to what S3 holds them to.
type store struct {
	mu       sync.Mutex
	now      func() time.Time
	lock     string // the code of the error of its lock's configuration, empty when it has a lock
	unread   bool   // the key may not read objects
	broken   string // what every answer is, empty for none
	puts     int
	versions []version
}

type version struct {
	key, id, content, kind, mode string
	until                        time.Time
	deleted                      bool
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest, ok := strings.CutPrefix(r.URL.Path, "/audit-bucket/")
	key, query := rest, r.URL.Query()
	switch {
	case s.broken != "":
		refuse(w, http.StatusForbidden, "AccessDenied", s.broken)
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+s3Key+"/"):
		refuse(w, http.StatusForbidden, "InvalidAccessKeyId", "The access key "+r.Header.Get("Authorization")+" is not known.")
	case !ok:
		refuse(w, http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	case key == "" && query.Has("location"):
		_, _ = io.WriteString(w, `<LocationConstraint>fra1</LocationConstraint>`)
	case key == "" && query.Has("object-lock"):
		s.configuration(w)
	case key == "" && query.Has("versions"):
		s.list(w, query.Get("prefix"), query.Get("key-marker"), query.Get("version-id-marker"))
	case key == "" && query.Get("list-type") == "2":
		s.listCurrent(w, query.Get("prefix"), query.Get("start-after"))
	case key != "" && r.Method == http.MethodPut:
		s.put(w, r, key)
	case key != "" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		s.get(w, r, key)
	case key != "" && r.Method == http.MethodDelete:
		s.remove(w, key, query.Get("versionId"))
	default:
		refuse(w, http.StatusNotImplemented, "NotImplemented", r.Method+" "+r.URL.String())
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName       xml.Name `xml:"Error"`
		Code, Message string
	}{Code: code, Message: message})
}

func (s *store) configuration(w http.ResponseWriter) {
	switch s.lock {
	case "":
		_, _ = io.WriteString(w, `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>`)
	case "Disabled":
		_, _ = io.WriteString(w, `<ObjectLockConfiguration></ObjectLockConfiguration>`)
	case "NotImplemented":
		refuse(w, http.StatusNotImplemented, s.lock, "A header you provided implies functionality that is not implemented.")
	default:
		refuse(w, http.StatusNotFound, s.lock, "Object Lock configuration does not exist for this bucket")
	}
}

// put takes what is locked in compliance mode, with the hash that S3 demands.
func (s *store) put(w http.ResponseWriter, r *http.Request, key string) {
	content, _ := io.ReadAll(r.Body)
	sum := md5.Sum(content)
	until, err := time.Parse(time.RFC3339, r.Header.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	mode := r.Header.Get("X-Amz-Object-Lock-Mode")
	switch {
	case r.Header.Get("Content-Md5") == "":
		refuse(w, http.StatusBadRequest, "InvalidRequest", "Content-MD5 HTTP header is required for Put Part requests with Object Lock parameters")
	case r.Header.Get("Content-Md5") != base64.StdEncoding.EncodeToString(sum[:]):
		refuse(w, http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.")
	case mode != "COMPLIANCE" || err != nil:
		refuse(w, http.StatusBadRequest, "InvalidRequest", "this bucket takes only objects with a lock")
	case !until.After(s.now()):
		refuse(w, http.StatusBadRequest, "InvalidArgument", "The retain until date must be in the future!")
	default:
		s.puts++
		s.add(version{key: key, content: string(content), kind: r.Header.Get("Content-Type"), mode: mode, until: until})
	}
}

func (s *store) add(v version) {
	v.id = fmt.Sprintf("version-%d", len(s.versions)+1)
	s.versions = append(s.versions, v)
}

// get tells how an object is locked to those only who ask for nothing else, as
// some services do.
func (s *store) get(w http.ResponseWriter, r *http.Request, key string) {
	id := r.URL.Query().Get("versionId")
	for _, v := range slices.Backward(s.versions) {
		if v.key != key || id != "" && v.id != id {
			continue
		}
		if s.unread {
			refuse(w, http.StatusForbidden, "AccessDenied", "Access Denied")
			return
		}
		if v.deleted {
			break
		}
		if r.Method == http.MethodHead {
			w.Header().Set("X-Amz-Object-Lock-Mode", v.mode)
			w.Header().Set("X-Amz-Object-Lock-Retain-Until-Date", v.until.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		w.Header().Set("Last-Modified", s.now().UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", v.kind)
		_, _ = io.WriteString(w, v.content)
		return
	}
	refuse(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
}

// remove hides a key from whoever looks at its newest version. Versions stay.
func (s *store) remove(w http.ResponseWriter, key, id string) {
	if id != "" {
		refuse(w, http.StatusForbidden, "AccessDenied", "Access Denied because object protected by object lock.")
		return
	}
	s.add(version{key: key, deleted: true})
	w.WriteHeader(http.StatusNoContent)
}

type listed struct {
	Key, VersionId, LastModified string
	IsLatest                     bool
	Size                         int
}

// listCurrent answers with the first key after one.
func (s *store) listCurrent(w http.ResponseWriter, prefix, after string) {
	if s.unread {
		refuse(w, http.StatusForbidden, "AccessDenied", "Access Denied")
		return
	}
	current := map[string]version{}
	for _, v := range s.versions {
		if current[v.key] = v; v.deleted {
			delete(current, v.key)
		}
	}
	answer := struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Prefix   string
		Contents []listed
	}{Prefix: prefix}
	for _, key := range slices.Sorted(maps.Keys(current)) {
		if strings.HasPrefix(key, prefix) && key > after {
			answer.Contents = append(answer.Contents, listed{Key: key, LastModified: s.now().UTC().Format(time.RFC3339), Size: len(current[key].content)})
			break
		}
	}
	_ = xml.NewEncoder(w).Encode(answer)
}

// list answers with two versions at a time, the newest of a key first.
func (s *store) list(w http.ResponseWriter, prefix, afterKey, afterID string) {
	const page = 2
	keys := map[string][]version{}
	for _, v := range s.versions {
		if strings.HasPrefix(v.key, prefix) {
			keys[v.key] = append([]version{v}, keys[v.key]...)
		}
	}
	var all []version
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		all = append(all, keys[key]...)
	}
	if afterKey != "" {
		at := slices.IndexFunc(all, func(v version) bool { return v.key == afterKey && v.id == afterID })
		all = all[at+1:]
	}
	answer := struct {
		XMLName                            xml.Name `xml:"ListVersionsResult"`
		Prefix                             string
		IsTruncated                        bool
		NextKeyMarker, NextVersionIdMarker string `xml:",omitempty"`
		Version, DeleteMarker              []listed
	}{Prefix: prefix}
	for i, v := range all {
		if i == page {
			answer.IsTruncated, answer.NextKeyMarker, answer.NextVersionIdMarker = true, all[i-1].key, all[i-1].id
			break
		}
		entry := listed{Key: v.key, VersionId: v.id, LastModified: s.now().UTC().Format(time.RFC3339), Size: len(v.content)}
		if v.deleted {
			answer.DeleteMarker = append(answer.DeleteMarker, entry)
		} else {
			answer.Version = append(answer.Version, entry)
		}
	}
	_ = xml.NewEncoder(w).Encode(answer)
}
