// swift-format-ignore-file
// Written by scripts/generate-service-models.py from botocore 1.43.11; not edited by hand.

extension GeneratedModels {
    static let keyValueStore = ##"""
{"service":"cloudfront-keyvaluestore","protocol":"rest-json","version":"2022-07-26","signing":"cloudfront-keyvaluestore"}
o DeleteKey {"http":["DELETE","/key-value-stores/{KvsARN}/keys/{Key}",200],"input":{"shape":"DeleteKeyRequest"},"output":{"shape":"DeleteKeyResponse"},"errors":["ConflictException","ValidationException","InternalServerException","ServiceQuotaExceededException","ResourceNotFoundException","AccessDeniedException"]}
o DescribeKeyValueStore {"http":["GET","/key-value-stores/{KvsARN}",200],"input":{"shape":"DescribeKeyValueStoreRequest"},"output":{"shape":"DescribeKeyValueStoreResponse"},"errors":["ConflictException","InternalServerException","ResourceNotFoundException","AccessDeniedException"]}
o GetKey {"http":["GET","/key-value-stores/{KvsARN}/keys/{Key}",200],"input":{"shape":"GetKeyRequest"},"output":{"shape":"GetKeyResponse"},"errors":["ConflictException","InternalServerException","ResourceNotFoundException","AccessDeniedException"]}
o ListKeys {"http":["GET","/key-value-stores/{KvsARN}/keys",200],"input":{"shape":"ListKeysRequest"},"output":{"shape":"ListKeysResponse"},"errors":["ConflictException","ValidationException","InternalServerException","ResourceNotFoundException","AccessDeniedException"]}
o PutKey {"http":["PUT","/key-value-stores/{KvsARN}/keys/{Key}",200],"input":{"shape":"PutKeyRequest"},"output":{"shape":"PutKeyResponse"},"errors":["ConflictException","ValidationException","InternalServerException","ServiceQuotaExceededException","ResourceNotFoundException","AccessDeniedException"]}
o UpdateKeys {"http":["POST","/key-value-stores/{KvsARN}/keys",200],"input":{"shape":"UpdateKeysRequest"},"output":{"shape":"UpdateKeysResponse"},"errors":["ConflictException","ValidationException","InternalServerException","ServiceQuotaExceededException","ResourceNotFoundException","AccessDeniedException"]}
s AccessDeniedException {"type":"structure","members":{"Message":{"shape":"String"}},"error":{"status":403}}
s ConflictException {"type":"structure","members":{"Message":{"shape":"String"}},"error":{"status":409}}
s DeleteKeyRequest {"type":"structure","members":{"KvsARN":{"shape":"KvsARN","location":"uri","locationName":"KvsARN"},"Key":{"shape":"Key","location":"uri","locationName":"Key"},"IfMatch":{"shape":"Etag","location":"header","locationName":"If-Match"}},"required":["KvsARN","Key","IfMatch"]}
s DeleteKeyRequestListItem {"type":"structure","members":{"Key":{"shape":"Key"}},"required":["Key"]}
s DeleteKeyRequestsList {"type":"list","member":{"shape":"DeleteKeyRequestListItem"}}
s DeleteKeyResponse {"type":"structure","members":{"ItemCount":{"shape":"Integer"},"TotalSizeInBytes":{"shape":"Long"},"ETag":{"shape":"Etag","location":"header","locationName":"ETag"}},"required":["ItemCount","TotalSizeInBytes","ETag"]}
s DescribeKeyValueStoreRequest {"type":"structure","members":{"KvsARN":{"shape":"KvsARN","location":"uri","locationName":"KvsARN"}},"required":["KvsARN"]}
s DescribeKeyValueStoreResponse {"type":"structure","members":{"ItemCount":{"shape":"Integer"},"TotalSizeInBytes":{"shape":"Long"},"KvsARN":{"shape":"KvsARN"},"Created":{"shape":"Timestamp"},"ETag":{"shape":"Etag","location":"header","locationName":"ETag"},"LastModified":{"shape":"Timestamp"},"Status":{"shape":"String"},"FailureReason":{"shape":"String"}},"required":["ItemCount","TotalSizeInBytes","KvsARN","Created","ETag"]}
s Etag {"type":"string"}
s GetKeyRequest {"type":"structure","members":{"KvsARN":{"shape":"KvsARN","location":"uri","locationName":"KvsARN"},"Key":{"shape":"Key","location":"uri","locationName":"Key"}},"required":["KvsARN","Key"]}
s GetKeyResponse {"type":"structure","members":{"Key":{"shape":"Key"},"Value":{"shape":"Value"},"ItemCount":{"shape":"Integer"},"TotalSizeInBytes":{"shape":"Long"}},"required":["Key","Value","ItemCount","TotalSizeInBytes"]}
s Integer {"type":"integer"}
s InternalServerException {"type":"structure","members":{"Message":{"shape":"String"}},"error":{"status":500}}
s Key {"type":"string","min":1,"max":1024}
s KvsARN {"type":"string","min":1,"max":2048}
s ListKeysRequest {"type":"structure","members":{"KvsARN":{"shape":"KvsARN","location":"uri","locationName":"KvsARN"},"NextToken":{"shape":"String","location":"querystring","locationName":"NextToken"},"MaxResults":{"shape":"ListKeysRequestMaxResultsInteger","location":"querystring","locationName":"MaxResults"}},"required":["KvsARN"]}
s ListKeysRequestMaxResultsInteger {"type":"integer","min":1,"max":50}
s ListKeysResponse {"type":"structure","members":{"NextToken":{"shape":"String"},"Items":{"shape":"ListKeysResponseList"}}}
s ListKeysResponseList {"type":"list","member":{"shape":"ListKeysResponseListItem"}}
s ListKeysResponseListItem {"type":"structure","members":{"Key":{"shape":"Key"},"Value":{"shape":"Value"}},"required":["Key","Value"]}
s Long {"type":"long"}
s PutKeyRequest {"type":"structure","members":{"Key":{"shape":"Key","location":"uri","locationName":"Key"},"Value":{"shape":"Value"},"KvsARN":{"shape":"KvsARN","location":"uri","locationName":"KvsARN"},"IfMatch":{"shape":"Etag","location":"header","locationName":"If-Match"}},"required":["Key","Value","KvsARN","IfMatch"]}
s PutKeyRequestListItem {"type":"structure","members":{"Key":{"shape":"Key"},"Value":{"shape":"Value"}},"required":["Key","Value"]}
s PutKeyRequestsList {"type":"list","member":{"shape":"PutKeyRequestListItem"}}
s PutKeyResponse {"type":"structure","members":{"ItemCount":{"shape":"Integer"},"TotalSizeInBytes":{"shape":"Long"},"ETag":{"shape":"Etag","location":"header","locationName":"ETag"}},"required":["ItemCount","TotalSizeInBytes","ETag"]}
s ResourceNotFoundException {"type":"structure","members":{"Message":{"shape":"String"}},"error":{"status":404}}
s ServiceQuotaExceededException {"type":"structure","members":{"Message":{"shape":"String"}},"error":{"status":402}}
s String {"type":"string"}
s Timestamp {"type":"timestamp"}
s UpdateKeysRequest {"type":"structure","members":{"KvsARN":{"shape":"KvsARN","location":"uri","locationName":"KvsARN"},"IfMatch":{"shape":"Etag","location":"header","locationName":"If-Match"},"Puts":{"shape":"PutKeyRequestsList"},"Deletes":{"shape":"DeleteKeyRequestsList"}},"required":["KvsARN","IfMatch"]}
s UpdateKeysResponse {"type":"structure","members":{"ItemCount":{"shape":"Integer"},"TotalSizeInBytes":{"shape":"Long"},"ETag":{"shape":"Etag","location":"header","locationName":"ETag"}},"required":["ItemCount","TotalSizeInBytes","ETag"]}
s ValidationException {"type":"structure","members":{"Message":{"shape":"String"}},"error":{"status":400}}
s Value {"type":"string"}
"""##
}
