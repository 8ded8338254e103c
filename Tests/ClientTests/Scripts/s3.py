"""S3: buckets as folders, objects, versions, copies, parts, listings, and code of functions from a bucket."""
import hashlib
import urllib.request

from support import *

s3 = client("s3")
s3.create_bucket(Bucket="first")
s3.create_bucket(Bucket="first")
assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["first"]
s3.head_bucket(Bucket="first")
assert s3.get_bucket_location(Bucket="first")["LocationConstraint"] is None
for call in (s3.list_objects_v2, s3.get_bucket_versioning):
    with refused("NoSuchBucket", "The specified bucket does not exist", 404):
        call(Bucket="none")
with refused("404"):
    s3.head_bucket(Bucket="none")

# One object.
body = bytes(range(256)) * 1000
tag = '"' + hashlib.md5(body).hexdigest() + '"'
put = s3.put_object(Bucket="first", Key="a/b c+ü.bin", Body=body, ContentType="image/png",
                    CacheControl="max-age=5", Metadata={"who": "me"})
assert put["ETag"] == tag and "VersionId" not in put
got = s3.get_object(Bucket="first", Key="a/b c+ü.bin")
assert got["Body"].read() == body and got["ETag"] == tag and got["ContentType"] == "image/png"
assert got["Metadata"] == {"who": "me"} and got["CacheControl"] == "max-age=5"
part = s3.get_object(Bucket="first", Key="a/b c+ü.bin", Range="bytes=10-19")
assert part["Body"].read() == body[10:20] and part["ContentRange"] == f"bytes 10-19/{len(body)}"
assert s3.get_object(Bucket="first", Key="a/b c+ü.bin", Range="bytes=-5")["Body"].read() == body[-5:]
with refused("InvalidRange"):
    s3.get_object(Bucket="first", Key="a/b c+ü.bin", Range="bytes=999999999-")
head = s3.head_object(Bucket="first", Key="a/b c+ü.bin")
assert head["ContentLength"] == len(body)
with refused("304"):
    s3.get_object(Bucket="first", Key="a/b c+ü.bin", IfNoneMatch=tag)
with refused("PreconditionFailed"):
    s3.get_object(Bucket="first", Key="a/b c+ü.bin", IfMatch='"x"')
with refused("PreconditionFailed"):
    s3.put_object(Bucket="first", Key="a/b c+ü.bin", Body=b"", IfNoneMatch="*")
with refused("NoSuchKey", "The specified key does not exist.", 404):
    s3.get_object(Bucket="first", Key="none")
with refused("404"):
    s3.head_object(Bucket="first", Key="none")
with refused("BadDigest"):
    s3.put_object(Bucket="first", Key="x", Body=b"a", ContentMD5="AAAAAAAAAAAAAAAAAAAAAA==")
for key in ("a/../../x", "../\u0301x"):
    with refused("InvalidArgument"):
        s3.put_object(Bucket="first", Key=key, Body=b"")
with refused("NotImplemented", "acl"):
    s3.get_bucket_acl(Bucket="first")
url = s3.generate_presigned_url("get_object", {"Bucket": "first", "Key": "a/b c+ü.bin"})
assert urllib.request.urlopen(url).read() == body
s3.copy_object(Bucket="first", Key="copy", CopySource={"Bucket": "first", "Key": "a/b c+ü.bin"})
assert s3.get_object(Bucket="first", Key="copy")["Metadata"] == {"who": "me"}

# Lists.
for n in range(25):
    s3.put_object(Bucket="first", Key=f"list/{n % 5}/{n:02}", Body=b"x")
pages = s3.get_paginator("list_objects_v2").paginate(Bucket="first", Prefix="list/", PaginationConfig={"PageSize": 7})
keys = [entry["Key"] for page in pages for entry in page["Contents"]]
assert keys == sorted(f"list/{n % 5}/{n:02}" for n in range(25))
page = s3.list_objects_v2(Bucket="first", Prefix="list/", Delimiter="/", MaxKeys=3)
assert [one["Prefix"] for one in page["CommonPrefixes"]] == ["list/0/", "list/1/", "list/2/"] and page["IsTruncated"]
page = s3.list_objects_v2(Bucket="first", Prefix="list/", Delimiter="/", ContinuationToken=page["NextContinuationToken"])
assert [one["Prefix"] for one in page["CommonPrefixes"]] == ["list/3/", "list/4/"] and not page["IsTruncated"]
assert len(s3.list_objects(Bucket="first", Prefix="list/4/")["Contents"]) == 5
assert s3.list_objects_v2(Bucket="first", StartAfter="list/4/19")["KeyCount"] == 1
gone = s3.delete_objects(Bucket="first", Delete={"Objects": [{"Key": key} for key in keys] + [{"Key": "none"}]})
assert len(gone["Deleted"]) == 26
with refused("BucketNotEmpty"):
    s3.delete_bucket(Bucket="first")

# Parts.
upload = s3.create_multipart_upload(Bucket="first", Key="big", ContentType="text/plain")["UploadId"]
parts = [b"a" * (5 << 20), b"b" * (5 << 20), b"c" * 10]
sent = [{"PartNumber": n, "ETag": s3.upload_part(Bucket="first", Key="big", UploadId=upload, PartNumber=n, Body=part)["ETag"]}
        for n, part in enumerate(parts, 1)]
assert [p["Size"] for p in s3.list_parts(Bucket="first", Key="big", UploadId=upload)["Parts"]] == [len(p) for p in parts]
assert s3.list_multipart_uploads(Bucket="first")["Uploads"][0]["UploadId"] == upload
with refused("InvalidPartOrder"):
    s3.complete_multipart_upload(Bucket="first", Key="big", UploadId=upload, MultipartUpload={"Parts": sent[::-1]})
with refused("InvalidPart"):
    s3.complete_multipart_upload(Bucket="first", Key="big", UploadId=upload,
                                 MultipartUpload={"Parts": [{"PartNumber": 9, "ETag": "x"}]})
with refused("EntityTooSmall"):
    s3.upload_part(Bucket="first", Key="big", UploadId=upload, PartNumber=4, Body=b"d")
    s3.complete_multipart_upload(Bucket="first", Key="big", UploadId=upload, MultipartUpload={"Parts": [
        sent[2], {"PartNumber": 4, "ETag": '"' + hashlib.md5(b"d").hexdigest() + '"'}]})
made = s3.complete_multipart_upload(Bucket="first", Key="big", UploadId=upload, MultipartUpload={"Parts": sent})
assert made["ETag"].endswith('-3"')
assert s3.get_object(Bucket="first", Key="big")["Body"].read() == b"".join(parts)
with refused("NoSuchUpload"):
    s3.abort_multipart_upload(Bucket="first", Key="big", UploadId=upload)
other = s3.create_multipart_upload(Bucket="first", Key="never")["UploadId"]
copied = s3.upload_part_copy(Bucket="first", Key="never", UploadId=other, PartNumber=1,
                             CopySource="first/big", CopySourceRange="bytes=0-9")
assert copied["CopyPartResult"]["ETag"] == '"' + hashlib.md5(b"a" * 10).hexdigest() + '"'
s3.abort_multipart_upload(Bucket="first", Key="never", UploadId=other)

# Versions.
s3.create_bucket(Bucket="second")
assert "Status" not in s3.get_bucket_versioning(Bucket="second")
s3.put_object(Bucket="second", Key="k", Body=b"zero")
s3.put_bucket_versioning(Bucket="second", VersioningConfiguration={"Status": "Enabled"})
assert s3.get_bucket_versioning(Bucket="second")["Status"] == "Enabled"
one = s3.put_object(Bucket="second", Key="k", Body=b"one")["VersionId"]
two = s3.put_object(Bucket="second", Key="k", Body=b"two")["VersionId"]
read = lambda version: s3.get_object(Bucket="second", Key="k", VersionId=version)["Body"].read()
assert (read("null"), read(one), read(two)) == (b"zero", b"one", b"two")
marker = s3.delete_object(Bucket="second", Key="k")
assert marker["DeleteMarker"] is True
with refused("NoSuchKey"):
    s3.get_object(Bucket="second", Key="k")
with refused("MethodNotAllowed"):
    s3.get_object(Bucket="second", Key="k", VersionId=marker["VersionId"])
with refused("NoSuchVersion"):
    s3.get_object(Bucket="second", Key="k", VersionId="none")
listed = s3.list_object_versions(Bucket="second")
assert [v["VersionId"] for v in listed["Versions"]] == [two, one, "null"], listed
assert listed["DeleteMarkers"][0]["IsLatest"] and not any(v["IsLatest"] for v in listed["Versions"])
paged = s3.get_paginator("list_object_versions").paginate(Bucket="second", PaginationConfig={"PageSize": 1})
assert sum(len(p.get("Versions", [])) + len(p.get("DeleteMarkers", [])) for p in paged) == 4
s3.delete_object(Bucket="second", Key="k", VersionId=marker["VersionId"])
assert s3.get_object(Bucket="second", Key="k")["Body"].read() == b"two"
s3.delete_object(Bucket="second", Key="k", VersionId=two)
assert s3.get_object(Bucket="second", Key="k")["Body"].read() == b"one"
for version in (one, "null"):
    s3.delete_object(Bucket="second", Key="k", VersionId=version)
assert "Versions" not in s3.list_object_versions(Bucket="second")
s3.delete_bucket(Bucket="second")
with refused("NoSuchBucket"):
    s3.list_objects_v2(Bucket="second")

# Code from a bucket.
lambda_ = client("lambda")
s3.put_object(Bucket="first", Key="code.zip", Body=archive("exports.handler = async () => 'from a bucket'"))
lambda_.create_function(FunctionName="stored", Runtime="nodejs22.x", Role=ROLE, Handler="index.handler",
                        Code={"S3Bucket": "first", "S3Key": "code.zip"})
settle(lambda_, "stored")
assert lambda_.invoke(FunctionName="stored")["Payload"].read() == b'"from a bucket"'

# The command line.
work = os.environ.get("TMPDIR", "/tmp") + f"/portico-s3-{os.getpid()}"
os.makedirs(work + "/site/sub")
try:
    with open(work + "/site/sub/page.html", "w") as page:
        page.write("<p>hello")
    with open(work + "/large", "wb") as large:
        large.write(os.urandom(20 << 20))
    aws("s3", "mb", "s3://third")
    aws("s3", "sync", work + "/site", "s3://third/site")
    assert "page.html" in aws("s3", "ls", "s3://third/site/sub/")
    assert s3.head_object(Bucket="third", Key="site/sub/page.html")["ContentType"] == "text/html"
    aws("s3", "cp", work + "/large", "s3://third/large")
    aws("s3", "cp", "s3://third/large", work + "/back")
    with open(work + "/large", "rb") as first, open(work + "/back", "rb") as second:
        assert first.read() == second.read()
    aws("s3", "rb", "s3://third", "--force")
finally:
    subprocess.run(["rm", "-rf", work], check=True)
