client.files.delete(file_id=file_id)
